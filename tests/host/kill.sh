#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# SIGKILL of `run` and its runner on the host, and of `kernel build`: values that were measured
# are on disk, settings are as before, no process and no temporary folder stays.
# Usage: kill.sh [POINTS], of each of run and kernel build (default 4).
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../kill.sh"
look_at_settings=1
points=${1-4}

rows() { cat "$work"/o/host/*.partial/samples.csv 2>/dev/null | wc -l; }
has_rows() { [ "$(rows)" -gt "$1" ]; }
for i in $(seq "$points"); do
  rm -rf "$work/o"
  begin "$RMAPLAB" run --passes bare,state,objects -o "$work/o"
  # The runner at every other point: rmaplab then tells it and keeps what there is.
  if [ $((i % 2)) = 0 ]; then
    until_true 60 has_rows $((i * 15)) || fail "no $((i * 15)) rows came"
    killed "run, after $((i * 15)) rows" "$pid" "$work/o/host/*/samples.csv" $((i * 15 - 1))
  else
    until_true 60 has_rows $((i * 10)) || fail "no $((i * 10)) rows came"
    killed "run, its runner, after $((i * 10)) rows" "$(pgrep -P "$pid" rmaplab-runner)" \
      "$work/o/host/*/samples.csv" $((i * 10 - 1))
  fi
done

# While a setting is changed: by its guardian; and where that was killed too, by the next start.
limit() { cat /proc/sys/vm/max_map_count; }
if [ "$(id -u)" = 0 ] && [ -w /proc/sys/vm/max_map_count ]; then
  before=$(limit)
  changed() { [ "$(limit)" != "$before" ]; }
  for whom in rmaplab runner both; do
    begin "$RMAPLAB" run -w mremap_limit,map_limit --passes bare -o "$work/p"
    until_true 60 changed || fail "vm.max_map_count was never changed"
    runner=$(pgrep -P "$pid" rmaplab-runner)
    case $whom in
      rmaplab) killed "run, vm.max_map_count changed" "$pid" "" 0 ;;
      runner) killed "run, its runner, vm.max_map_count changed" "$runner" "" 0 ;;
      both)
        for guard in $(pgrep rmaplab-guard); do
          grep -qsaF "$mark" "/proc/$guard/environ" && kill -KILL "$guard"
        done
        kill -KILL "$pid" "$runner"; wait "$pid" 2>/dev/null
        eventually nobody_marked || pkill -KILL -f "$work/p"
        changed || fail "vm.max_map_count was put back, but by whom?"
        run "$RMAPLAB" run -w null --passes bare -o "$work/q"
        expect_status 0
        expect err "a run that was killed left .*max_map_count at [0-9]+, was $before; restored"
        [ "$(limit)" = "$before" ] || fail "vm.max_map_count is $(limit), was $before"
        rm -rf "$TMPDIR"/*
        printf '%-44s %6s rows  settings put back by the next start\n' "run and its guardians" - ;;
    esac
  done
else
  echo "not root: settings are not changed here"
fi

# What a killed run left is told and kept by the next of that name.
mkdir -p "$work/o/host/20260101T000000Z.partial"
echo x >"$work/o/host/20260101T000000Z.partial/samples.csv"
run "$RMAPLAB" run -w null --passes bare -o "$work/o"
expect_status 0; expect err 'did not end: .*; what (it|they) measured is in samples.csv there'

for program in git make flex bison bc lz4 gcc; do
  command -v $program >/dev/null || { echo "no $program: kernel build is left out"; exit 0; }
done
export XDG_CACHE_HOME=$work/cache
tree=$work/linux
mkdir -p "$tree/mm"
touch "$tree/Kconfig"; echo x >"$tree/mm/rmap.c"
# A make in a make, with a child that does not care for its parent's end.
cat >"$tree/Makefile" <<'M'
tinyconfig: ; @mkdir -p $(O) && echo '# tiny' >$(O)/.config
olddefconfig: ; @sed -i s/x/x/ $(O)/.config
deep: ; @echo deep; (trap '' HUP INT TERM; sleep 600) ; true
bzImage Image: ; @$(MAKE) -f $(CURDIR)/Makefile deep
M
log() { cat "$work"/cache/rmaplab/builds/*/out-*.log 2>/dev/null; }
deep() { log | grep -q deep; }
building() { [ -d "$work/cache/rmaplab/builds" ]; }
for i in $(seq "$points"); do
  rm -rf "$work/cache"
  begin "$RMAPLAB" kernel build --source "$tree"
  if [ "$i" = 1 ]; then
    until_true 60 building || fail "no build began"
  else
    until_true 60 deep || fail "make did not begin: $(log)"
    sleep "0.$i"
  fi
  killed "kernel build, point $i" "$pid" "" 0
done
