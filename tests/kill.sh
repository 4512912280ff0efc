# SPDX-License-Identifier: GPL-2.0-only
# For tests that kill rmaplab with SIGKILL and look at what it leaves. Sourced after lib.sh.
# Each point prints a line: what was killed when, rows of values on disk, settings, processes, folders.

export TMPDIR="$work/tmp"
mkdir "$TMPDIR"
# In the environment of all that a command starts.
mark="RMAPLAB_KILL_TEST=$work"

# Looked at where nothing else runs beside us: the test sets look_at_settings.
look_at_settings=
settings() {
  [ -n "$look_at_settings" ] || return 0
  cat /proc/sys/vm/{max_map_count,overcommit_memory,swappiness} /proc/sys/kernel/numa_balancing \
    /proc/swaps /sys/kernel/mm/ksm/{run,pages_to_scan} \
    /sys/kernel/mm/transparent_hugepage/{enabled,defrag} 2>/dev/null
  ls /sys/kernel/tracing/instances /sys/fs/cgroup 2>/dev/null | grep rmaplab
  ls /run/rmaplab 2>/dev/null
  return 0
}
# Processes of the command: whoever has the mark in its environment.
marked() { grep -lsaF "$mark" /proc/[0-9]*/environ | cut -d / -f 3; }

# begin COMMAND... : in the background; sets pid.
begin() {
  settings >"$work/settings.before"
  env "$mark" "$@" >"$work/out" 2>"$work/err" &
  pid=$!
}
# until_true SECONDS COMMAND... : false when it has ended before.
until_true() {
  local tenths=$(($1 * 10)); shift
  for _ in $(seq $tenths); do
    "$@" && return 0
    kill -0 "$pid" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}
nobody_marked() { [ -z "$(marked)" ]; }
nothing_in_tmpdir() { [ -z "$(ls -A "$TMPDIR")" ]; }
settings_as_before() { settings | cmp -s - "$work/settings.before"; }
# eventually COMMAND... : within 20 s.
eventually() {
  for _ in $(seq 200); do "$@" && return 0; sleep 0.1; done
  return 1
}
# killed NAME PID VALUES_FILE LEAST : SIGKILL to PID; what has been measured must be in the file.
killed() {
  kill -KILL "$2" 2>/dev/null
  wait "$pid" 2>/dev/null
  local values=-
  if [ -n "$3" ]; then
    values=$(cat $3 2>/dev/null | grep -c '^[^r]')
    [ "$values" -ge "$4" ] || fail "$1: $values rows on disk, expected $4 or more"
  fi
  eventually nobody_marked || fail "$1: left processes: $(ps -o pid,args -p "$(marked | paste -sd,)" | tail -n +2)"
  eventually settings_as_before || fail "$1: settings: $(settings | diff "$work/settings.before" - | tr '\n' ' ')"
  eventually nothing_in_tmpdir || fail "$1: left in TMPDIR: $(ls "$TMPDIR")"
  printf '%-44s %6s rows  %s0 processes  0 folders\n' "$1" "$values" \
    "${look_at_settings:+settings as before  }"
}
