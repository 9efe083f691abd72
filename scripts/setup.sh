#!/usr/bin/env bash
# Everything a new machine needs beyond Rust itself: scripts/setup.sh [packages] [rocksdb] [components] [tools] [ssh]; no argument
# means all of these. `valgrind`, which only the benchmarks' gate needs, `coverage`, and `hosts`, for plays on
# real hosts, are installed when they are asked for. Needs no terminal and no stdin, and costs under a second where there is nothing left to do.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# Pinned, so that the same commit is checked by the same tools everywhere.
MDBOOK_VERSION=0.5.4
CARGO_DENY_VERSION=0.20.2
CARGO_LLVM_COV_VERSION=0.9.1

as_root() {
    if [[ "$(id -u)" == 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        echo "setup: this needs root: $*" >&2
        echo "setup: run that line yourself, then run setup again" >&2
        return 1
    fi
}

# install_packages PACKAGE..: from Debian's archive.
install_packages() {
    if ! command -v apt-get >/dev/null; then
        echo "setup: not a Debian system; install what provides these, then run setup again: $*" >&2
        return 1
    fi
    echo "setup: installing $*"
    as_root apt-get update -qq </dev/null
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

# Names the Debian packages that are missing, one per line.
missing_packages() {
    command -v c++ >/dev/null || echo g++
    command -v make >/dev/null || echo make
    command -v pkg-config >/dev/null || echo pkg-config
    command -v git >/dev/null || echo git
    command -v flock >/dev/null || echo util-linux
    # libclang is loaded at build time by bindgen, which also needs clang's own headers: only the -dev package brings both.
    { compgen -G '/usr/lib/llvm-*/lib/libclang.so*' && compgen -G '/usr/lib/llvm-*/lib/clang/*/include/stdbool.h'; } >/dev/null ||
        echo libclang-dev
}

packages() {
    local missing
    mapfile -t missing < <(missing_packages)
    [[ ${#missing[@]} == 0 ]] || install_packages "${missing[@]}"
    if ! command -v cargo >/dev/null; then
        echo "setup: cargo is not on the PATH; install Rust (https://rustup.rs), then run setup again" >&2
        return 1
    fi
}

components() {
    local component
    for component in clippy fmt; do
        if ! cargo "$component" --version >/dev/null 2>&1; then
            rustup component add "${component/#fmt/rustfmt}" </dev/null
        fi
    done
}

# install_tool CRATE VERSION: one locked build into the cache, skipped when that version is there.
install_tool() {
    local crate="$1" version="$2" found
    # Some of cargo's subcommands want to hear their own name first.
    found="$({ "$ARGOSY_TOOLS/bin/$crate" --version || "$ARGOSY_TOOLS/bin/$crate" "${crate#cargo-}" --version; } 2>/dev/null || true)"
    [[ "$found" == *"$version" ]] && return 0
    echo "setup: building $crate $version once"
    # From outside the clone, so that the workspace's own flags stay out of it. A quick build matters more than a quick tool.
    (
        cd "$ARGOSY_TOOLS"
        CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
            CARGO_PROFILE_RELEASE_DEBUG=false \
            cargo install --locked --quiet --force --root "$ARGOSY_TOOLS" --target-dir "$ARGOSY_CACHE/tools-build" \
            "$crate@$version" </dev/null
    )
}

tools() {
    . "$root/scripts/env.sh"
    mkdir -p "$ARGOSY_TOOLS"
    install_tool mdbook "$MDBOOK_VERSION"
    install_tool cargo-deny "$CARGO_DENY_VERSION"
    rm -rf "$ARGOSY_CACHE/tools-build"
}

# The tool that measures line coverage, and the part of the toolchain that reads what instrumented programs write.
coverage() {
    . "$root/scripts/env.sh"
    compgen -G "$(rustc --print sysroot)/lib/rustlib/*/bin/llvm-profdata" >/dev/null || rustup component add llvm-tools </dev/null
    mkdir -p "$ARGOSY_TOOLS"
    install_tool cargo-llvm-cov "$CARGO_LLVM_COV_VERSION"
    rm -rf "$ARGOSY_CACHE/tools-build"
}

valgrind() {
    type -P valgrind >/dev/null && return 0
    install_packages valgrind
}

# What plays on real hosts need. Where libfaketime cannot be had, the play that lets clocks jump is left out, and says so.
hosts() {
    local missing=()
    type -P ip >/dev/null || missing+=(iproute2)
    type -P unshare >/dev/null || missing+=(util-linux)
    compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || missing+=(libfaketime)
    [[ ${#missing[@]} == 0 ]] || install_packages "${missing[@]}"
}

# For the test of bootstraps that speaks to a real server. Without one it says that nothing was tried, and under CI it fails.
ssh() {
    [[ -x /usr/sbin/sshd ]] || install_packages openssh-server
    # The server of root wants this folder, which goes with every restart and comes with the service only.
    [[ "$(id -u)" != 0 ]] || mkdir -p /run/sshd
}

rocksdb() {
    "$root/scripts/rocksdb.sh"
}

[[ $# -gt 0 ]] || set -- packages rocksdb components tools ssh
for part in "$@"; do
    case "$part" in
        packages | rocksdb | components | tools | coverage | valgrind | hosts | ssh) "$part" ;;
        *)
            echo "setup: unknown part '$part'; there are: packages rocksdb components tools coverage valgrind hosts ssh" >&2
            exit 2
            ;;
    esac
done
