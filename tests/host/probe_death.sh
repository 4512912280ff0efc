#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A server of rmaplab-probe that dies, hangs or talks nonsense costs rows, which say so, and
# not the run; after Ctrl-C and kill -9 no process and no trace instance is left.
. "$(dirname "$0")/../lib.sh"
programs=$(dirname "$RMAPLAB")
mkdir "$work/bin" && cp "$programs/rmaplab" "$programs/rmaplab-runner" "$work/bin/" || exit 1
rmaplab=$work/bin/rmaplab
# The faults pass asks for the curve of each operation; what the kernel gives is still there.
faults() {  # LABEL [WORKLOADS]
  run "$rmaplab" run -w "${2-null}" --passes faults -o "$work/o" --label "$1"
  csv=$(echo "$work/o/$1"/*/samples.csv)
}
server() { printf '#!/bin/bash\n%s\n' "$1" >"$work/bin/rmaplab-probe"; chmod +x "$work/bin/rmaplab-probe"; }
reason() {
  grep -q ",vmas_peak,[^,]*,,skip,$1" "$csv" || fail "vmas_peak is: $(grep ,vmas_peak, "$csv")"
}

faults absent
reason 'rmaplab-probe is not beside the runner or did not start'
wanted=$status  # with or without rights for the page faults
server 'exit 1'
faults ended
expect_status "$wanted"; reason 'rmaplab-probe has ended'
server 'head -c 5 <&3 >/dev/null'
faults dies
expect_status "$wanted"; reason 'rmaplab-probe has ended'
server 'while read -r line <&3; do echo nonsense >&3; done'
faults nonsense
expect_status "$wanted"; reason '"rmaplab-probe answered ""nonsense"""'
server "mkdir $work/died 2>/dev/null && exit 1; exec $programs/rmaplab-probe \"\$@\""
faults once null,remerge
expect_status "$wanted"; reason 'rmaplab-probe has ended'
grep -q ',remerge,.*,vmas_peak,[^,]*,[1-9][0-9]*,ok,' "$csv" || fail "no other server was started"
server 'exec sleep 1000'
faults hangs
expect_status "$wanted"; reason 'rmaplab-probe did not answer within 10 s'

# Every process of ours has a file of $work/bin as its program.
ours() {
  for process in /proc/[0-9]*; do
    case $(readlink "$process/exe") in "$work"/bin/*) echo "${process#/proc/}" ;; esac
  done
}
gone() {
  for i in $(seq 50); do [ -z "$(ours)" ] && return; sleep 0.1; done
  fail "left behind: $(ps -o pid,args -p $(ours))"
}
cp "$programs/rmaplab-probe" "$work/bin/"
# tracefs in a mount namespace of its own, as the probes have it
instances() {
  unshare -m sh -c '[ -d /sys/kernel/tracing/events ] || mount -t tracefs t /sys/kernel/tracing
                    ls /sys/kernel/tracing/instances' 2>/dev/null | grep '^rmaplab-'
}
# A case that never ends, with its trace armed.
start() {
  "$rmaplab" run -w test_hang --passes objects -o "$work/o" --label "$1" >"$work/out" 2>"$work/err" &
  pid=$!
  for i in $(seq 100); do
    for name in $(instances); do
      grep -qsa test_hang "/proc/${name#rmaplab-}/cmdline" && return
    done
    sleep 0.1
  done
  kill -KILL "$pid"
  skip "no trace instance can be made here; the rest passed"
}
[ -z "$(instances)" ] || skip "other runs have trace instances; the rest passed"
start interrupted
kill -INT "$pid"; wait "$pid"; status=$?
expect_status 130; gone
[ -z "$(instances)" ] || fail "left after Ctrl-C: $(instances)"

start killed
kill -KILL "$pid"; wait "$pid" 2>/dev/null
gone
[ -n "$(instances)" ] || fail "nobody was there to remove the instance, and it is gone"
run "$rmaplab" run -w null --passes objects -o "$work/o" --label after
expect_status 0
[ -z "$(instances)" ] || fail "left of a killed run after the next: $(instances)"
