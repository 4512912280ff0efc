#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A QEMU that only sleeps: Ctrl-C while fifty boots of it begin ends all of them, and two commands of
# one name never write one folder.
. "$(dirname "$0")/../lib.sh"
[ "$(uname -m)" = x86_64 ] || skip "the image below is of x86-64"
mkdir "$work/bin" "$work/tmp"
export TMPDIR="$work/tmp"
cat >"$work/bin/qemu-system-x86_64" <<Q
#!/bin/sh
[ "\$1" != --version ] || { echo 'QEMU emulator version 7.2.22 (Debian)'; exit 0; }
exec sleep 601
Q
chmod +x "$work/bin/qemu-system-x86_64"
export PATH="$work/bin:$PATH"
# A header as Documentation/arch/x86/boot.rst has it, and the text it points to.
image=$work/bzImage
head -c 4096 /dev/zero >"$image"
put() { printf "$2" | dd of="$image" bs=1 seek=$(($1)) conv=notrunc status=none; }
put 0x1f1 '\001'; put 0x1fe '\125\252'; put 0x202 HdrS; put 0x20e '\000\003'; put 0x500 '7.0.0-test (a@b) #1\000'
sleepers() { pgrep -cf "^sleep 601"; }
begin() {
  "$RMAPLAB" ab "$image" "$image" -w null --replicas 50 --jobs 50 -o "$work/o" --label one >"$work/out" 2>"$work/err" &
  pid=$!
  for _ in $(seq 600); do [ "$(sleepers)" -ge 3 ] && break; sleep 0.1; done
  [ "$(sleepers)" -ge 3 ] || fail "no guest was started"
}
gone() {
  for _ in $(seq 300); do [ "$(sleepers)" = 0 ] && break; sleep 0.1; done
  [ "$(sleepers)" = 0 ] || fail "$(sleepers) guests are still there"
  for _ in $(seq 100); do [ -z "$(ls -A "$TMPDIR")" ] && break; sleep 0.1; done
  [ -z "$(ls -A "$TMPDIR")" ] || fail "left in TMPDIR: $(ls "$TMPDIR")"
}

begin
run timeout 60 "$RMAPLAB" ab "$image" "$image" -w null -o "$work/o" --label one
expect_status 2; expect_one_line err; expect err 'base.partial is being written by another process'
kill -INT "$pid"
for _ in $(seq 300); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
! kill -0 "$pid" 2>/dev/null || fail "Ctrl-C did not end it"
wait "$pid"; status=$?
expect_status 130; gone

# Twice: at once, and what it started goes with it.
begin
kill -INT "$pid"; kill -INT "$pid"
wait "$pid"; status=$?
expect_status 130; gone
