# shellcheck shell=bash
# The one build environment of the repository; sourced by scripts/cargo, by the other scripts and so by every make target.
#
# A build script that declares `rerun-if-env-changed` runs again when its variables differ between two shells, and for RocksDB
# that is twenty minutes of C++. So nothing here depends on who asks, and nobody sets these variables anywhere else.
#
#   ARGOSY_CACHE     what is built once and kept outside the clone (default: ~/.cache/argosy)
#   CARGO_TARGET_DIR Rust build outputs, shared by all clones of this user
#   ROCKSDB_LIB_DIR  the prebuilt RocksDB archive; its folder name carries what it was built from

export ARGOSY_CACHE="${ARGOSY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/argosy}"
export ARGOSY_TOOLS="$ARGOSY_CACHE/tools"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$ARGOSY_CACHE/target}"
export PATH="$ARGOSY_TOOLS/bin:$PATH"

# They would override the flags in .cargo/config.toml instead of adding to them.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS

# Prints <RocksDB version>-<hash of everything that changes the archive>, or nothing where there is no C++ compiler yet.
argosy_rocksdb_key() {
    local root version flags compiler
    root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
    version="$(sed -n '/^name = "librocksdb-sys"$/{n;s/^version = "\(.*\)"$/\1/p;}' "$root/Cargo.lock")"
    [[ -n "$version" ]] || return 0
    flags="$(grep -o 'target-cpu=[A-Za-z0-9_.-]*' "$root/.cargo/config.toml" || true)"
    # shellcheck disable=SC2086 # CXX may be two words, such as "ccache g++"
    compiler="$(${CXX:-c++} --version 2>/dev/null | head -n 1 || true)"
    [[ -n "$compiler" ]] || return 0
    printf '%s-%s' "${version#*+}" "$(printf '%s\n' "$version" "$flags" "$compiler" "${CXXFLAGS:-}" "$(uname -m)" | sha256sum | cut -c1-12)"
}

ROCKSDB_LIB_DIR="$ARGOSY_CACHE/rocksdb-$(argosy_rocksdb_key)"
export ROCKSDB_LIB_DIR
export ROCKSDB_STATIC=1
