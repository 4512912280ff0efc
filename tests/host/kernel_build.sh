#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `rmaplab kernel build` on a source whose Makefile makes a "kernel" of one file: where it is
# taken, how a series gets on it and off, what is built again, and that the user's tree stays
# as it was. The real compiler's turn is in tests/lab/kernel_build.sh.
. "$(dirname "$0")/../lib.sh"
for program in git make flex bison bc lz4 gcc; do
  command -v $program >/dev/null || skip "no $program"
done
export XDG_CACHE_HOME=$work/cache
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=A
export GIT_COMMITTER_EMAIL=a@example.org

tree=$work/linux
mkdir -p "$tree/mm" "$tree/tools"
seq 30 >"$tree/mm/rmap.c"
echo tool >"$tree/tools/t.c"
touch "$tree/Kconfig"
cat >"$tree/Makefile" <<'M'
tinyconfig: ; @mkdir -p $(O) && echo '# tiny' >$(O)/.config
olddefconfig: ; @sed -i /CONFIG_REFUSED/d $(O)/.config
bzImage:
	@if grep -q broken mm/rmap.c; then echo 'mm/rmap.c:3:1: error: broken'; exit 1; fi
	@mkdir -p $(O)/arch/x86/boot $(O)/arch/arm64/boot && cp mm/rmap.c $(O)/arch/x86/boot/bzImage
	@[ ! -e $(O)/planted ] || cat $(O)/planted >>$(O)/arch/x86/boot/bzImage
	@echo map >$(O)/System.map
Image: bzImage ; @cp $(O)/arch/x86/boot/bzImage $(O)/arch/arm64/boot/Image
M
git -C "$tree" init -q && git -C "$tree" add -A && git -C "$tree" commit -qm 'v1'
git -C "$tree" tag v1
sed -i 's/^7$/seven/' "$tree/mm/rmap.c"; git -C "$tree" commit -qam 'mm: seven'
sed -i 's/^20$/twenty/' "$tree/mm/rmap.c"; git -C "$tree" commit -qam 'mm: twenty'
git -C "$tree" tag v2
git -C "$tree" format-patch -q --stdout v1..v2 >"$work/series.mbox"
git -C "$tree" checkout -q v1

kernel_of() { sed -n 's/^kernel: //p' "$work/out"; }
image_has() { grep -qx "$1" "$(kernel_of)/vmlinuz" || fail "no \"$1\" in the image"; }
image_lacks() { ! grep -qx "$1" "$(kernel_of)/vmlinuz" || fail "\"$1\" in the image"; }
build() { run "$RMAPLAB" kernel build --source "$@"; }
builds() { ls -d "$work"/cache/rmaplab/builds/*/kernels/*/ | wc -l; }
sources() { (cd "$tree" && find . -type f ! -name index ! -path './.git/logs/*' ! -name '*HEAD' | sort | xargs sha256sum); }
sources >"$work/before"

build "$tree"
expect_status 0; image_has 7; expect out '^kernel.source: linux at [0-9a-f]{12} \("v1"\)$'
build "$tree" --series "$work/series.mbox" -o "$work/k"
expect_status 0; image_has seven; image_has twenty
expect out '^kernel.series: 2 patches applied: mm: seven, ...$'; expect out '^build.series.how: git apply$'
expect err '^rmaplab:   1/2 mm: seven$'; expect err '^rmaplab:   2/2 mm: twenty$'
for file in vmlinuz System.map config manifest.json; do
  [ -s "$work/k/$file" ] || fail "no $file in the folder asked for"
done
[ "$(builds)" = 2 ] || fail "$(builds) builds, expected 2"
build "$tree" --series "$work/series.mbox"
expect_status 0; expect err 'nothing compiled'; [ "$(builds)" = 2 ] || fail "built again"

# Commits say where the source is taken, whatever is checked out.
git -C "$tree" checkout -q v2
build "$tree" --series v1..v2
expect_status 0; image_has seven; [ "$(builds)" = 2 ] || fail "the same series was built again"
build "$tree" --series "$work/series.mbox" --reverse
expect_status 0; image_has 7; image_has 20; expect out 'taken off'
git -C "$tree" checkout -q v1
sources >"$work/after"; cmp "$work/before" "$work/after" || fail "files of the tree or its repository have changed"
git -C "$tree" status --porcelain >"$work/out"; [ -s "$work/out" ] && fail "the tree has changed"

# What is not committed is part of it.
sed -i 's/^1$/one/' "$tree/mm/rmap.c"
build "$tree"
expect_status 0; image_has one; expect out 'and uncommitted changes'
git -C "$tree" checkout -q mm/rmap.c

# A bare diff. A patch of a file outside of the image (tools/) may fail, one of mm/ may not.
printf -- '--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n' >"$work/five.diff"
build "$tree" --series "$work/five.diff"
expect_status 0; image_has five
printf -- '--- a/tools/t.c\n+++ b/tools/t.c\n@@ -1 +1 @@\n-other\n+new\n' >>"$work/five.diff"
build "$tree" --series "$work/five.diff"
expect_status 0; image_has five; expect err 'tools/t.c does not take it'
sed 's/^-5$/-50/' "$work/five.diff" >"$work/bad.diff"
build "$tree" --series "$work/bad.diff"
expect_status 2; expect err 'does not apply to linux at .*, nothing was built: bad.diff$'
expect err '^  mm/rmap.c at line 2: its context is not there$'
build "$tree"
expect_status 0; image_lacks five

# git apply's rules are the only ones: no fuzz, nothing outside of the tree, below .git or through a
# link, no ed script. Nothing is written, and what the next builds run is what it was.
touch "$work/outside"
mail() { printf 'From: A <a@b.c>\nDate: Thu, 1 Jan 2026 00:00:00 +0000\nSubject: [PATCH] x\n\nbody\n---\n%b-- \n2.1\n' "$1" >"$work/evil.mbox"; }
new='new file mode 100755\n--- /dev/null\n+++ b/%s\n@@ -0,0 +1 @@\n+evil\n'
link='diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/tmp\n\\ No newline at end of file\n'
through='diff --git a/l/evil b/l/evil\nnew file mode 100644\n--- /dev/null\n+++ b/l/evil\n@@ -0,0 +1 @@\n+evil\n'
for evil in .git/hooks/post-checkout .git/config ../evil "$work/evil" a/../../evil; do
  mail "diff --git a/$evil b/$evil\n$(printf "$new" "$evil")\n"
  build "$tree" --series "$work/evil.mbox"
  [ "$status" = 2 ] || fail "$evil: status $status"
done
mail "$link$through"
build "$tree" --series "$work/evil.mbox"
expect_status 2; expect err 'beyond a symbolic link'
mail '--- a/mm/rmap.c\n+++ b/mm/rmap.c\n1d\n!touch ./evil\n.\n'
build "$tree" --series "$work/evil.mbox"
expect_status 2
printf -- '--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -2,7 +2,7 @@\n 2\n 3\n four\n-5\n+five\n 6\n 7\n 8\n' >"$work/fuzz.diff"
build "$tree" --series "$work/fuzz.diff"
expect_status 2; expect err '^  mm/rmap.c at line 2: its context is not there$'
[ -z "$(find "$work" /tmp/evil -name evil ! -path '*/bin/*' 2>/dev/null)" ] || fail "a patch wrote where it must not"
grep -rq evil "$work"/cache/rmaplab/builds/*/linux/.git/hooks "$work"/cache/rmaplab/builds/*/linux/.git/config &&
  fail "a patch wrote below .git"

# What a series' Makefile leaves in the build's folder is in no later build: not of the source, not of
# another series, not after one that was killed.
sed 's|^bzImage:$|&\n\t@mkdir -p $(O); echo planted >$(O)/planted|' "$tree/Makefile" >"$work/Makefile.new"
diff -u --label a/Makefile --label b/Makefile "$tree/Makefile" "$work/Makefile.new" >"$work/plant.diff"
build "$tree" --series "$work/plant.diff"
expect_status 0; image_has planted
printf -- '--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+cinq\n 6\n 7\n 8\n' >"$work/cinq.diff"
# The source's files have their times again, or make would make anew what it made of them.
ours=$(echo "$work"/cache/rmaplab/builds/linux-*/linux)
stat -c '%y %n' "$ours/mm/rmap.c" "$ours/Makefile" >"$work/stat"
build "$tree" --series "$work/cinq.diff"
expect_status 0; image_has cinq; image_lacks planted
stat -c '%y %n' "$ours/mm/rmap.c" "$ours/Makefile" >"$work/stat.after"
cmp "$work/stat" "$work/stat.after" || fail "a series' build left other times of the source's files"
sed -i 's/^1$/uno/' "$tree/mm/rmap.c"
build "$tree"
expect_status 0; image_has uno; image_lacks planted
out=$(echo "$work"/cache/rmaplab/builds/linux-*/out-*-bench-????????)
[ -d "$out" ] || fail "no folder $out"
mv "$out" "$out.base"; mkdir "$out"; echo planted >"$out/planted"
sed -i 's/^uno$/eins/' "$tree/mm/rmap.c"
build "$tree"
expect_status 0; image_has eins; image_lacks planted; [ ! -e "$out.base" ] || fail "$out.base is still there"
git -C "$tree" checkout -q mm/rmap.c

# Of two versions one is taken, or chosen.
{ git -C "$tree" format-patch -q --stdout v1..v2; git -C "$tree" format-patch -q -v2 --stdout v1..v2 | sed '/^From .*/,$!d' | awk '/^From /{n++} n==1'; } >"$work/two.mbox"
build "$tree" --series "$work/two.mbox"
expect_status 2; expect err 'v2 has 1/2 only; v1 is whole, with 2 patches; --pick chooses'
expect err '^    3  \[PATCH v2 1/2\] mm: seven$'
build "$tree" --series "$work/two.mbox" --pick v1
expect_status 0; image_has twenty; expect err 'left out: \[PATCH v2 1/2\] mm: seven: not picked'
build "$tree" --series "$work/two.mbox" --pick 3
expect_status 0; image_has seven; image_has 20

# What the cache gives is what was built.
: >"$(kernel_of)/vmlinuz"
build "$tree" --series "$work/two.mbox" --pick 3
expect_status 0; image_has seven; expect err 'vmlinuz is not the file that was built: .*: built again'
printf x | dd of="$work/k/vmlinuz" bs=1 seek=1 conv=notrunc status=none
run "$RMAPLAB" lab run "$work/k" -- run -w null
expect_status 2; expect_one_line err; expect err 'k/vmlinuz is not the file that was built'

# A copy of the cache has other inodes, and other times where it is made so: no file of the work
# tree is written again but what differs.
for how in -a -r; do
  rm -rf "$work/copy"
  cp $how "$work/cache" "$work/copy"
  copied=$(echo "$work"/copy/rmaplab/builds/linux-*/linux)
  [ -f "$copied/Kconfig" ] || fail "no work tree in $work/copy"
  stat -c '%i %Y %n' "$copied/Kconfig" "$copied/tools/t.c" >"$work/stat"
  XDG_CACHE_HOME=$work/copy build "$tree" --series "$work/series.mbox" --config bench,align
  expect_status 0; image_has seven
  stat -c '%i %Y %n' "$copied/Kconfig" "$copied/tools/t.c" >"$work/stat.after"
  cmp "$work/stat" "$work/stat.after" || fail "cp $how: files of the work tree were written again"
done

# A tarball and a folder without git are sources too.
git -C "$tree" archive --prefix=linux-1/ v1 | gzip >"$work/linux-1.tar.gz"
build "$work/linux-1.tar.gz"
expect_status 0; image_has 7; expect out '^kernel.source: linux-1.tar.gz \(sha256'
mkdir "$work/plain" && git -C "$tree" archive v2 | tar -x -C "$work/plain"
build "$work/plain"
expect_status 0; image_has seven
sed -i 's/^8$/eight/' "$work/plain/mm/rmap.c"
build "$work/plain"
expect_status 0; image_has eight

# Mistakes.
sed -i 's/^8$/broken/' "$tree/mm/rmap.c"
build "$tree"
expect_status 2; expect err 'make bzImage: mm/rmap.c:3:1: error: broken; the log is '
git -C "$tree" checkout -q mm/rmap.c
echo CONFIG_REFUSED=y >"$work/want.config"
build "$tree" --config "$work/want.config"
expect_status 2; expect err '^  REFUSED: wanted y, is absent$'
build "$tree" --config nosuch
expect_status 2; expect_one_line err; expect err 'configuration "nosuch": expected one of align, '
build "$work"
expect_status 2; expect_one_line err; expect err 'has no Makefile and Kconfig'
build "$work/nothing"
expect_status 2; expect_one_line err; expect err 'is not there; expected a kernel tree'
build "$tree" --series "$work/nothing"
expect_status 2; expect_one_line err; expect err 'expected an mbox, a folder of patches or a range'
build "$tree" --series v1..v9
expect_status 2; expect_one_line err; expect err 'v1..v9: no range of commits of '
mkdir "$work/bin"
for program in git sh sed bc make ld lz4; do
  ln -s "$(command -v $program)" "$work/bin/"
done
PATH=$work/bin build "$tree"
expect_status 2; expect_one_line err
expect err 'needs flex, bison, gcc \(Debian: apt-get install flex bison gcc\)$'
rm "$work/bin/lz4"; ln -s "$(command -v flex)" "$(command -v bison)" "$work/bin/"
PATH=$work/bin build "$tree" --series "$work/series.mbox" --reverse --config btf
expect_status 2; expect_one_line err; expect err ' needs lz4, pahole, gcc \(Debian: .* dwarves gcc\)$'
ln -s "$(command -v gcc)" "$work/bin/"
run env PATH="$work/bin" "$RMAPLAB" doctor
expect out 'kernel build +no +building a kernel needs lz4 \(Debian: apt-get'
run "$RMAPLAB" ab --source "$tree" debian:7.0
expect_status 2; expect_one_line err; expect err 'no other can be given'
run "$RMAPLAB" ab --source "$tree"
expect_status 2; expect_one_line err; expect err 'nothing to compare'

# A whole configuration of another compiler: below the fragments in any order, what came out
# otherwise is counted; two are refused, and so is what is none.
{
  echo '# Automatically generated file; DO NOT EDIT.'
  printf 'CONFIG_CC_VERSION_TEXT="other"\nCONFIG_MINE=y\nCONFIG_REFUSED=y\nCONFIG_HZ=7\n'
  echo 'CONFIG_SYSTEM_TRUSTED_KEYS="debian/certs/a.pem"'
} >"$work/whole.config"
cat >"$tree/Kconfig" <<'K'
config CC_VERSION_TEXT
	string
config REFUSED
	bool "one can choose it"
config MINE
	bool "mine"
config SYSTEM_TRUSTED_KEYS
	string "keys"
K
sed -i 's|/CONFIG_REFUSED/d|-e /CONFIG_REFUSED/d -e /CONFIG_HZ/d -e s/other/ours/|' "$tree/Makefile"
command git -C "$tree" commit -qam 'Kconfig'
xz -k "$work/whole.config"
build "$tree" --config "$work/whole.config"
expect_status 0
expect err 'SYSTEM_TRUSTED_KEYS: debian/certs/a.pem is not in the source: left out'
otherwise='whole.config: 5 options; 1 that this source does not have, 1 that nobody chooses .* and 2 that can be chosen came out otherwise: REFUSED: wanted y, is absent; '
expect err "$otherwise"; expect out "^build.config_otherwise: $otherwise"
grep -q '^CONFIG_SYSTEM_TRUSTED_KEYS=""$' "$(kernel_of)/config" || fail "the key is still in the .config"
build "$tree" --config "$work/whole.config.xz"
expect_status 0; expect err 'nothing compiled'; expect err "$otherwise"
build "$tree" --config "$work/whole.config" --series "$work/five.diff"
expect_status 0; image_has five; expect err "$otherwise"; expect out "^build.config_otherwise: $otherwise"
echo CONFIG_MINE=n >"$work/part.config"
build "$tree" --config "$work/part.config,$work/whole.config"
expect_status 0; grep -q '^# CONFIG_MINE is not set$' "$(kernel_of)/config" || fail "the part is not on top"
build "$tree" --config "$work/whole.config,$work/want.config"
expect_status 2; expect err '^  REFUSED: wanted y, is absent$'
cp "$work/whole.config" "$work/other.config"
build "$tree" --config "$work/whole.config,$work/other.config"
expect_status 2; expect_one_line err; expect err 'are both whole: give one of them'
echo 'hello' >"$work/none.config"
build "$tree" --config "$work/none.config"
expect_status 2; expect_one_line err; expect err 'none.config: has no line CONFIG_NAME='

# What a hostile Makefile can do: nothing outside of the build's folder, as root in a sandbox; and
# what it leaves there is never followed.
# Only where there is a sandbox: elsewhere it would do what it says.
echo secret >"$work/secret"
plain=$work/plain
mkdir -p "$plain/mm"; touch "$plain/Kconfig"; seq 9 >"$plain/mm/rmap.c"
cat >"$plain/Makefile" <<'M'
tinyconfig: ; @mkdir -p $(O) && echo '# tiny' >$(O)/.config
olddefconfig: ; @true
bzImage Image:
	@mkdir -p $(O)/arch/x86/boot $(O)/arch/arm64/boot; echo map >$(O)/System.map
	@cp mm/rmap.c $(O)/arch/x86/boot/bzImage; cp mm/rmap.c $(O)/arch/arm64/boot/Image
M
build "$plain" --sandbox on
if [ "$status" = 0 ]; then
  hostile=$work/hostile
  mkdir -p "$hostile/mm"; touch "$hostile/Kconfig"; echo x >"$hostile/mm/rmap.c"
  cat >"$hostile/Makefile" <<M
tinyconfig: ; @mkdir -p \$(O) && echo '# tiny' >\$(O)/.config
olddefconfig: ; @sed -i s/x/x/ \$(O)/.config
bzImage Image:
	-@echo evil >>$work/secret; echo evil >$work/evil; echo evil >\$(CURDIR)/evil; echo evil >\$(CURDIR)/.git/config
	-@echo evil >\$(O)/../evil; echo evil >/usr/rmaplab-test-evil; cat /proc/sys/kernel/core_pattern >/proc/sys/kernel/core_pattern && touch \$(O)/sysctl
	-@kill -9 $$ && touch \$(O)/killed; cat /etc/shadow >\$(O)/read; ls -A /run >\$(O)/run
	@mkdir -p \$(O)/arch/x86/boot \$(O)/arch/arm64/boot; echo map >\$(O)/System.map
	@ln -s $work/secret \$(O)/arch/x86/boot/bzImage; ln -s $work/secret \$(O)/arch/arm64/boot/Image
M
  build "$hostile" --sandbox on
  expect_status 2; expect err 'bzImage a link or no file: it is not followed|Image a link or no file: it is not followed'
  [ "$(cat "$work/secret")" = secret ] || fail "the Makefile wrote into a file of ours"
  for file in "$work/evil" "$hostile/evil" /usr/rmaplab-test-evil "$work"/cache/rmaplab/builds/hostile*/evil \
      "$work"/cache/rmaplab/builds/hostile*/linux/evil; do
    [ ! -e "$file" ] || fail "the Makefile wrote $file"
  done
  ! grep -q evil "$work"/cache/rmaplab/builds/hostile*/linux/.git/config || fail "the Makefile wrote git's settings"
  for file in sysctl killed; do
    [ -z "$(find "$work/cache" -name $file)" ] || fail "the Makefile could: $file"
  done
  for file in read run; do
    [ ! -s "$(find "$work/cache" -name $file)" ] || fail "the Makefile could $file"
  done
else
  echo "no sandbox here: what a Makefile can write is not looked at: $(tail -n 1 "$work/err")"
fi
linked=$work/linked
mkdir -p "$linked/mm"; touch "$linked/Kconfig"; echo x >"$linked/mm/rmap.c"
echo "tinyconfig: ; @mkdir -p \$(O) && ln -s $work/secret \$(O)/.config" >"$linked/Makefile"
build "$linked"
expect_status 2; expect err '.config a link or no file: it is not followed'
printf 'tinyconfig: ; @mkdir -p $(O)/.config/x\n' >"$linked/Makefile"
for _ in 1 2; do
  build "$linked"
  expect_status 2; expect err '.config a link or no file: it is not followed'
done
build "$linked" --sandbox maybe
expect_status 2
# What a compiler says reaches the terminal as text.
printf 'tinyconfig: ; @mkdir -p $(O); printf "a.c:1:1: error: \\033]0;title\\007red\\n"; exit 1\n' >"$linked/Makefile"
build "$linked"
expect_status 2; expect err 'a.c:1:1: error: '; expect_not err "$(printf '\033')"

# A tarball brings no repository, whose settings name programs that git runs as us, and no devices.
ball=$work/ball/linux-1
mkdir -p "$ball/mm"; touch "$ball/Kconfig"; seq 9 >"$ball/mm/rmap.c"
cp "$plain/Makefile" "$ball/Makefile"
mkfifo "$ball/mm/pipe"
git -C "$ball" init -q; git -C "$ball" config filter.x.clean "sh -c 'id >$work/ran; cat'"
echo '*.c filter=x' >"$ball/.gitattributes"
git -C "$work" init -q victim; git -C "$work/victim" commit -q --allow-empty -m one
for form in folder link file; do
  case $form in
    link) rm -rf "$ball/.git"; ln -s "$work/victim/.git" "$ball/.git" ;;
    file) rm "$ball/.git"; echo "gitdir: $work/victim/.git" >"$ball/.git" ;;
  esac
  tar -C "$work/ball" -cf "$work/$form.tar" linux-1
  build "$work/$form.tar"
  expect_status 0
  [ ! -e "$work/ran" ] || fail "git ran what a tarball's settings name ($form)"
  [ "$(git -C "$work/victim" rev-list --all --count)" = 1 ] || fail "another repository was written to ($form)"
done
[ -z "$(find "$work/cache" -name pipe)" ] || fail "a tarball's pipe is in the work tree"
