#!/usr/bin/env bash
# bench-hot: times every row, then counts the instructions of the smaller ones with callgrind and holds them against
# benches/baselines. scripts/bench.sh [gate|store|time] [arguments of `bench-hot measure` for the timed run]
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
. "$root/scripts/env.sh"
what="${1:-gate}"
[[ $# -eq 0 ]] || shift
out="$root/target"
mkdir -p "$out"

"$root/scripts/cargo" build --release --locked --package argosy-benches
bench="$CARGO_TARGET_DIR/release/bench-hot"

timed=()
if [[ "$what" != store ]]; then
    json="$out/bench-hot.json"
    "$bench" measure --json "$json" "$@"
    timed=(--timed "$json")
fi
[[ "$what" != time ]] || exit 0

# One sample of each row at 100 thousand machines, a process for each row; only what runs below `counted` is counted. The allocator gives memory
# back by the clock, in the middle of whatever runs then: here it does not, or the same binary would be counted 5 % apart.
"$root/scripts/setup.sh" valgrind
dumps="$out/callgrind"
rm -rf "$dumps"
mkdir -p "$dumps"
"$bench" measure --counting --sizes 100000 --json "$out/bench-counted.json" >/dev/null
sed -n 's/.*"name": "\(.*\)",$/\1/p' "$out/bench-counted.json" | MIMALLOC_PURGE_DELAY=-1 xargs -P "$(nproc)" -I ROW \
    valgrind --quiet --tool=callgrind --toggle-collect='*meter::counted*' --callgrind-out-file="$dumps/ROW" \
    --log-file="$dumps/ROW.log" "$bench" measure --counting --sizes 100000 --rows ROW >/dev/null
store=()
[[ "$what" != store ]] || store=(--store)
"$bench" gate --counted "$out/bench-counted.json" --dumps "$dumps" "${timed[@]}" "${store[@]}" \
    --baselines "$root/benches/baselines/instructions.json" --toolchain "$(rustc --version)"
