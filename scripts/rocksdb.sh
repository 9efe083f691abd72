#!/usr/bin/env bash
# Builds the static RocksDB archive once and keeps it outside the clone, where every later build finds it (docs/adr/0002).
#
# The archive is a by-product of the very crate that will link it, at the locked version and with the workspace's own flags, so
# it cannot drift from what cargo would have built in place. It goes to its final name by one rename: there is a whole archive
# under that name or none.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
. "$root/scripts/env.sh"
final="$ROCKSDB_LIB_DIR"
[[ -f "$final/librocksdb.a" ]] && exit 0

if [[ "$final" == "$ARGOSY_CACHE/rocksdb-" ]]; then
    echo "rocksdb: no C++ compiler, or no librocksdb-sys in Cargo.lock; run scripts/setup.sh packages first" >&2
    exit 1
fi

# Two builds at once would take twice as long and tread on each other: the second waits for the first and finds its work done.
mkdir -p "$ARGOSY_CACHE"
exec 9>"$ARGOSY_CACHE/rocksdb.lock"
flock 9
[[ -f "$final/librocksdb.a" ]] && exit 0

build="$ARGOSY_CACHE/rocksdb-build"
rm -rf "$build"
mkdir -p "$build"
echo "rocksdb: building ${final##*/} once, about 21 minutes on two idle cores"

# Progress for logs without a terminal; a silent quarter of an hour looks like a hang.
report_progress() {
    local started=$SECONDS objects
    while sleep 60 >/dev/null; do
        objects="$(find "$build/target" -path '*librocksdb-sys*' -name '*.o' 2>/dev/null | wc -l)"
        echo "rocksdb: $objects of about 345 files after $(((SECONDS - started) / 60)) min"
    done
}
report_progress 9>&- 2>/dev/null &
progress=$!
trap 'kill "$progress" 2>/dev/null || true' EXIT

# Without the variables that select a prebuilt archive, the crate compiles its own. Debug information costs a quarter more time.
cd "$root"
env -u ROCKSDB_LIB_DIR -u ROCKSDB_STATIC cargo build --locked --quiet \
    --package librocksdb-sys \
    --target-dir "$build/target" \
    --config 'profile.dev.package.librocksdb-sys.opt-level=2' \
    --config 'profile.dev.package.librocksdb-sys.debug=false' \
    </dev/null 9>&-

archive="$(find "$build/target" -path '*/librocksdb-sys-*/out/librocksdb.a' -print -quit)"
if [[ -z "$archive" ]]; then
    echo "rocksdb: cargo succeeded but left no librocksdb.a under $build/target" >&2
    exit 1
fi
# An archive without LZ4 links, and then cannot read a compressed file: look before it is kept for good.
if ! LC_ALL=C grep -q 'LZ4_compress' "$archive"; then
    echo "rocksdb: the archive was built without LZ4; is the feature still on in Cargo.toml?" >&2
    exit 1
fi

staged="$(mktemp -d "$final.XXXXXX")"
cp "$archive" "$staged/librocksdb.a"
chmod 755 "$staged"
rm -rf "$final"
mv -T "$staged" "$final"
rm -rf "$build"
echo "rocksdb: kept $final/librocksdb.a"
