# SPDX-License-Identifier: GPL-2.0-only
# Shared by the other scripts: what to install, how to build, where things are.
# Sourced; expects `set -eu` and the current folder at the top of the tree.

build_packages="g++ cmake ninja-build pkg-config git libbenchmark-dev libcli11-dev libfmt-dev
libgtest-dev libfccp-dev nlohmann-json3-dev libarchive-dev libssl-dev libboost-dev libbpf-dev
libelf-dev zlib1g-dev libpapi-dev liburing-dev libzstd-dev clang libclang-rt-dev linux-source xz-utils"
# For `rmaplab kernel build`; libelf-dev and libssl-dev are above.
kernel_packages="bubblewrap make gcc binutils flex bison bc git lz4"
lab_packages="qemu-system-x86 debian-archive-keyring"
arm64_packages="qemu-system-arm g++-aarch64-linux-gnu"

step() { printf '== %s\n' "$*" >&2; }
give_up() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 2; }

# As cache_directory() of base/files.cpp has it.
cache_folder() {
  case ${XDG_CACHE_HOME-} in /*) echo "$XDG_CACHE_HOME/rmaplab"; return ;; esac
  case ${HOME-} in
    /*) echo "$HOME/.cache/rmaplab" ;;
    *) echo "$(getent passwd "$(id -u)" | cut -d: -f6)/.cache/rmaplab" ;;
  esac
}

# debian_mirror SUITE : the URI of the archive that this machine, which runs SUITE, installs from;
# nothing where it has none.
debian_mirror() {
  apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)' |
    sed -nE "s/^(.*)\|($1|oldstable|stable|testing|unstable|sid)\|main$/\1/p" | head -n 1
}

installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

# A terminal on which a line can be erased.
erasable=
if [ -t 2 ]; then case ${TERM-} in '' | dumb) ;; *) erasable=1 ;; esac; fi

# quietly LOG COMMAND... : output into LOG; its last line as it comes where the line can be erased,
# and once a minute elsewhere. Always a process of its own: whatever ends it ends with a status
# here, and the caller says why.
quietly() {
  log=$1; shift
  "$@" >"$log" 2>&1 &
  pid=$!
  trap 'kill $pid 2>/dev/null; [ -z "$erasable" ] || printf "\n" >&2; exit 130' INT TERM
  seconds=0
  while kill -0 $pid 2>/dev/null; do
    if [ -n "$erasable" ]; then
      printf '\r\033[K%4d s | %.60s' $seconds "$(last_line "$log")" >&2
    elif [ $((seconds % 60)) = 59 ]; then
      printf '%4d s | %.60s\n' $seconds "$(last_line "$log")" >&2
    fi
    sleep 1
    seconds=$((seconds + 1))
  done
  [ -z "$erasable" ] || printf '\r\033[K' >&2
  trap - INT TERM
  wait $pid
}

last_line() { tail -n 1 "$1" | tr -d '\r\033'; }

# install PACKAGE... : only what is missing; nothing is asked of the network otherwise.
install() {
  missing=
  for package in "$@"; do installed "$package" || missing="$missing $package"; done
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || give_up "no apt-get here; install by hand:$missing"
  sudo=
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || give_up "not root and no sudo; install by hand:$missing"
    # Asks for the password here, where nothing is drawn over the question.
    sudo true || give_up "sudo lets us not become root; install by hand:$missing"
    sudo=sudo
  fi
  step "installing$missing"
  output=$(mktemp)
  if ! quietly "$output" $sudo apt-get update ||
     ! quietly "$output" $sudo env DEBIAN_FRONTEND=noninteractive \
         apt-get install -y --no-install-recommends $missing; then
    tail -n 15 "$output" >&2
    give_up "apt-get could not install$missing; its whole output is in $output"
  fi
  rm -f "$output"
}

# build PRESET [TARGET...] : configures once, then builds what changed. Through ccache where it is
# installed: another clone of the same files compiles nothing anew.
build() {
  preset=$1; shift
  if command -v ccache >/dev/null; then
    export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
    export CCACHE_BASEDIR="$PWD" CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros
  fi
  step "building (preset $preset)"
  [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >/dev/null
  quietly "build/$preset/build.log" cmake --build --preset "$preset" ${1:+--target "$@"} || {
    tail -n 40 "build/$preset/build.log" >&2
    give_up "the build failed; its whole output is in build/$preset/build.log"
  }
}
