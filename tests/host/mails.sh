#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Series in the forms in which people send them, each through `git am` and through `rmaplab kernel
# build`: what git takes gives the same tree. Forms that git am cannot take as they are (two
# versions in one thread, a fix-up, a Maildir, commits) are held against the tree of the commits.
. "$(dirname "$0")/../lib.sh"
for program in git make flex bison bc lz4 gcc; do
  command -v $program >/dev/null || skip "no $program"
done
export XDG_CACHE_HOME=$work/cache HOME=$work
export GIT_AUTHOR_NAME='Zoë Ångström' GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=A
export GIT_COMMITTER_EMAIL=a@example.org GIT_CONFIG_NOSYSTEM=1
git config --global init.defaultBranch main
git config --global core.quotePath false

# A tree whose "kernel" is the list of its files with their sums.
tree=$work/linux
mkdir -p "$tree/mm"
seq 60 >"$tree/mm/rmap.c"
seq 100 140 >"$tree/mm/vma.c"
printf 'last line without a newline' >"$tree/mm/end.c"
seq 5 >"$tree/mm/old name.c"
touch "$tree/Kconfig"
cat >"$tree/Makefile" <<'M'
tinyconfig: ; @mkdir -p $(O) && echo '# tiny' >$(O)/.config
olddefconfig: ; @sed -i s/x/x/ $(O)/.config
bzImage Image:
	@mkdir -p $(O)/arch/x86/boot $(O)/arch/arm64/boot; echo map >$(O)/System.map
	@find . -name .git -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum >$(O)/list
	@cp $(O)/list $(O)/arch/x86/boot/bzImage; cp $(O)/list $(O)/arch/arm64/boot/Image
M
git() { command git -C "$tree" "$@"; }
list_of() { (cd "$1" && find . -name .git -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum); }
git init -q; git add -A; git commit -qm v1; git tag v1
sed -i 's/^7$/seven/' "$tree/mm/rmap.c"
git commit -qam "mm/rmap: seven

From here on it is a word.
>From there too.
--
Not a signature."
sed -i 's/^55$/fünfundfünfzig/; s/^20$/twenty/' "$tree/mm/rmap.c"; sed -i 's/^110$/hundred and ten  /' "$tree/mm/vma.c"
git commit -qam 'mm: Übergrößen, and a subject that is longer than a line of a mail may be, so that it is folded'
git mv "mm/old name.c" mm/new.c; echo more >>"$tree/mm/new.c"; printf 'now with one\n' >"$tree/mm/end.c"
seq 9 >"$tree/mm/added.c"; git add -A
git commit -qm 'mm: files come, go and are named anew'
git tag v2
# The second version: the same but for one line.
git checkout -q -b second v1; git cherry-pick v2~2 >/dev/null
sed -i 's/^40$/forty/' "$tree/mm/rmap.c"; git commit -qa --amend -C HEAD
git cherry-pick v2~1 v2 >/dev/null; git tag w2
git checkout -q -b base v1
git format-patch -q -o "$work/files" v1..v2

count=0
same() {
  count=$((count + 1))
  diff "$work/want" "$(sed -n 's/^kernel: //p' "$work/out")/vmlinuz" >"$work/diff" ||
    fail "$1: another tree than $2's: $(head -n 3 "$work/diff" | tr '\n' ' ')"
}
tree_of() { command git -C "$tree" worktree add -qf --detach "$work/wt" "$1"; list_of "$work/wt" >"$work/want"; command git -C "$tree" worktree remove -f "$work/wt"; }
# like_am NAME FILE [ARGUMENTS of git am] : both take it, and to the same tree.
like_am() {
  local name=$1 file=$2; shift 2
  command git -C "$tree" worktree add -qf --detach "$work/wt" v1
  command git -C "$work/wt" am -q "$@" "$file" >"$work/am" 2>&1 || {
    cat "$work/am"; fail "$name: git am does not take it"; }
  list_of "$work/wt" >"$work/want"
  command git -C "$tree" worktree remove -f "$work/wt"
  run "$RMAPLAB" kernel build --source "$tree" --series "$file"
  expect_status 0; same "$name" "git am"
}
# like_commits NAME FILE TAG [OPTIONS] : the tree of these commits.
like_commits() {
  local name=$1 file=$2 tag=$3; shift 3
  tree_of "$tag"
  run "$RMAPLAB" kernel build --source "$tree" --series "$file" "$@"
  expect_status 0; same "$name" "the commits"
}
mbox() { local to=$work/$1.mbox; shift; git format-patch -q --stdout "$@" v1..v2 >"$to"; }

mbox plain; like_am plain "$work/plain.mbox"
for form in --attach --inline --thread=deep --zero-commit --no-stat --full-index -U1 -U12 --minimal \
    --patience --histogram --no-renames --no-signature '--signature=two\nlines' --numbered -v4 \
    '--subject-prefix=RFC PATCH mm-new' '--subject-prefix=PATCHv3' --encode-email-headers --rfc \
    --no-encode-email-headers '--from=Some One <s@example.org>' '--in-reply-to=<x@example.org>' \
    --pretty=mboxrd; do
  mbox form "$form"
  case $form in
    --pretty=mboxrd) like_am "$form" "$work/form.mbox" --patch-format=mboxrd ;;
    *) like_am "$form" "$work/form.mbox" ;;
  esac
done
sed 's/$/\r/' "$work/plain.mbox" >"$work/crlf.mbox"; like_am CRLF "$work/crlf.mbox"
awk 'NR > 1 && !(last == "" && /^From [0-9a-f]+ Mon Sep/) { print last } { last = $0 } END { print last }' \
  "$work/plain.mbox" >"$work/tight.mbox"
like_am 'no blank line between mails' "$work/tight.mbox"
for tool in gzip xz bzip2 zstd; do
  command -v $tool >/dev/null || continue
  $tool -c "$work/plain.mbox" >"$work/packed"; like_commits $tool "$work/packed" v2
done
like_commits 'a folder of patches' "$work/files" v2
mkdir -p "$work/md/new" "$work/md/cur" "$work/md/tmp"
for file in "$work"/files/*; do sed 1d "$file" >"$work/md/new/$(basename "$file")"; done
like_commits Maildir "$work/md" v2
mkdir "$work/quilt"; cp "$work"/files/* "$work/quilt"; (cd "$work/quilt" && ls | sed 's/$/ -p1/') >"$work/series.tmp"
mv "$work/series.tmp" "$work/quilt/series"; like_commits 'a series of quilt' "$work/quilt" v2
like_commits commits v1..v2 v2
cat "$work"/files/* >"$work/cat.mbox"; like_am 'concatenated files' "$work/cat.mbox"
tac_files() { for file in $(ls -r "$work/files"); do cat "$work/files/$file"; done; }
tac_files >"$work/reversed.mbox"; like_commits 'mails in another order' "$work/reversed.mbox" v2
{ git format-patch -q --stdout v1..v2; git format-patch -q --stdout -v2 v1..w2; } >"$work/both.mbox"
like_commits 'two versions, the newer' "$work/both.mbox" w2
like_commits 'two versions, the older by --pick' "$work/both.mbox" v2 --pick v1
git format-patch -q --stdout --cover-letter v1..v2 >"$work/cover.mbox"
like_commits 'with a cover letter' "$work/cover.mbox" v2
{
  cat "$work/plain.mbox"
  printf 'From r Mon Sep 17 00:00:00 2001\nFrom: R <r@example.org>\nSubject: Re: [PATCH 1/3] mm/rmap: seven\n\n'
  sed 's/^/> /' "$work/files/0001-mm-rmap-seven.patch"
  printf '\nReviewed-by: R <r@example.org>\n\n'
} >"$work/thread.mbox"
like_commits 'a thread with a review' "$work/thread.mbox" v2
if perl -MMIME::QuotedPrint -MMIME::Base64 -e1 2>/dev/null; then
  for encoding in quoted-printable base64; do
    for file in "$work"/files/*; do
      perl -MMIME::QuotedPrint -MMIME::Base64 -e 'local $/; my $e = shift; my $m = <STDIN>;
        my ($head, $body) = split /\n\n/, $m, 2; $head =~ s/\nContent-Transfer-Encoding:.*//;
        $head =~ s/\nContent-Type:.*//; $head =~ s/\nMIME-Version:.*//;
        print "$head\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n",
          "Content-Transfer-Encoding: $e\n\n", $e eq "base64" ? encode_base64($body) : encode_qp($body), "\n"' \
        "$encoding" <"$file"
    done >"$work/$encoding.mbox"
    like_am "$encoding" "$work/$encoding.mbox"
  done
  for file in "$work"/files/*; do
    perl -e 'local $/; my $m = <STDIN>; my ($head, $body) = split /\n\n/, $m, 2;
      $head =~ s/\n(Content-Type|Content-Transfer-Encoding|MIME-Version):.*//g;
      print "$head\nMIME-Version: 1.0\nContent-Type: multipart/signed; micalg=pgp-sha512;\n",
        " protocol=\"application/pgp-signature\"; boundary=\"b\"\n\n--b\n",
        "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n$body\n--b\n",
        "Content-Type: application/pgp-signature; name=\"signature.asc\"\n\n",
        "-----BEGIN PGP SIGNATURE-----\n\niHUEABYK\n-----END PGP SIGNATURE-----\n\n--b--\n\n"' <"$file"
  done >"$work/signed.mbox"
  like_am 'signed multipart' "$work/signed.mbox"
fi
echo "$count series, each the same tree"
