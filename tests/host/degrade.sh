#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With less than root's rights, without BTF, in a container, with perf forbidden: doctor
# says what is missing, and a run goes on with skips that give the same reasons.
. "$(dirname "$0")/../lib.sh"
[ "$(id -u)" = 0 ] || skip "taking rights away takes root"
command -v setpriv >/dev/null || skip "no setpriv (Debian: util-linux)"
# Where an ordinary user can reach them.
mkdir "$work/bin" "$work/out.d"
cp "$(dirname "$RMAPLAB")"/rmaplab* "$work/bin/" 2>/dev/null
chmod 755 "$work" "$work/bin"; chmod 777 "$work/out.d"
rmaplab=$work/bin/rmaplab

# with LAUNCHER... : doctor's text in $work/doctor, then a run that must succeed.
with() {
  run "$@" env HOME="$work/out.d" "$rmaplab" doctor
  case $status in 0 | 1) ;; *) fail "doctor as $*: exit status $status" ;; esac
  cp "$work/out" "$work/doctor"
  out=$(mktemp -d "$work/out.d/XXXXXX"); chmod 777 "$out"
  run "$@" env HOME="$work/out.d" "$rmaplab" run -w fork_flat -o "$out"
  expect_status 0; expect out 'values on'; expect out 'wall time, ns an operation'
  expect_not out FAILED
}
says() { tr -s ' \n' ' ' <"$work/doctor" | grep -qE -- "$1" || { cat "$work/doctor"; fail "doctor does not say \"$1\""; }; }
user="setpriv --reuid 65534 --regid 65534 --clear-groups"

with $user
says 'slab anon_vma no .*root'
says 'object events no .*to have it: run as root'
says 'forest no .*CAP_BPF'
says 'lock contention no .*root'
expect out 'not measured .*root'

# In a chroot, whose / is no mount point, there are no mount namespaces to hide things in.
mounts=
if unshare -m true 2>/dev/null; then mounts=1; else echo "not tried: mount namespaces"; fi

# No tracefs and no right to mount it.
if [ -n "$mounts" ]; then
  with unshare -m sh -c 'for folder in tracing debug; do
      [ ! -d /sys/kernel/$folder ] || mount -t tmpfs none /sys/kernel/$folder; done
    exec setpriv --bounding-set=-sys_admin,-perfmon,-bpf --inh-caps=-sys_admin,-perfmon,-bpf "$@"' sh
  says 'forest no .*CAP_'
  says 'object events no .*CAP_SYS_ADMIN'
  says 'lock contention no .*CAP_SYS_ADMIN'
  expect out 'not measured .*tracefs is not at hand'
fi

if [ -e /sys/kernel/btf/vmlinux ] && [ -n "$mounts" ]; then
  with unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' sh
  says 'forest no .*BTF'
  expect out 'CONFIG_DEBUG_INFO_BTF'
fi

if unshare -Urmpf --mount-proc true 2>/dev/null; then
  with unshare -Urmpf --mount-proc
  says 'object events no'
  says 'forest no'
fi

paranoid=/proc/sys/kernel/perf_event_paranoid
before=$(cat $paranoid)
trap 'echo "$before" >$paranoid; rm -rf "$work"' EXIT
if echo 4 >$paranoid 2>/dev/null; then
  with $user
  says 'hardware counters no'
  says 'page faults (partly|no) .*perf_event_paranoid'
fi
