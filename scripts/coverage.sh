#!/usr/bin/env bash
# Line coverage of the pure crates by their own tests and the proof's: a table, and 1 if less than 95 % of all their lines were run.
# Each line that was not run is listed in target/coverage-gaps.txt. Tests beside the code (`#[cfg(test)]`) do not count as lines.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
. "$root/scripts/env.sh"
"$root/scripts/setup.sh" coverage

# What is deployed and may do no I/O; crates/tidy keeps the list of those.
PURE=(model engine shard coordinator health pool repair notify desk)
FLOOR_PERCENT=95
# Instrumented outputs are of no use to anything else.
export CARGO_LLVM_COV_TARGET_DIR="${CARGO_LLVM_COV_TARGET_DIR:-$ARGOSY_CACHE/coverage}"

packages=(--package argosy-proof)
for name in "${PURE[@]}"; do packages+=(--package "argosy-$name"); done
out="$root/target"
mkdir -p "$out"
cd "$root"
cargo llvm-cov clean --workspace --profraw-only
cargo llvm-cov --no-report --locked "${packages[@]}" "$@" </dev/null
cargo llvm-cov report --lcov --output-path "$out/coverage.lcov" </dev/null

# A record begins with SF:<file>; DA:<line>,<runs> follows for each line with code.
awk -v root="$root/" -v pure="${PURE[*]}" -v floor="$FLOOR_PERCENT" -v gaps="$out/coverage-gaps.txt" '
    function first_of_tests(path,    line, at, attribute) {
        while ((getline line < path) > 0) {
            at++
            if (attribute && line ~ /^mod [a-z_]+ \{/) { close(path); return attribute }
            attribute = line ~ /^#\[cfg\(test\)\]/ ? at : 0
        }
        close(path)
        return at + 1
    }
    BEGIN { names = split(pure, order, " "); printf "" > gaps }
    /^SF:/ {
        file = substr($0, 4)
        sub("^" root, "", file)
        split(file, part, "/")
        name = part[2]
        counts = part[1] == "crates" && part[3] == "src" && file !~ /(\/tests\/|\/tests?\.rs$)/ && index(" " pure " ", " " name " ")
        if (counts) tests = first_of_tests(root file)
    }
    /^DA:/ && counts {
        split(substr($0, 4), fields, ",")
        if (fields[1] + 0 >= tests) next
        lines[name]++
        if (fields[2] > 0) run[name]++
        else { missing[file]++; print file ":" fields[1] > gaps }
    }
    END {
        printf "%-12s %8s %8s %8s\n", "crate", "lines", "not run", "run"
        for (i = 1; i <= names; i++) {
            name = order[i]
            printf "%-12s %8d %8d %7.2f%%\n", name, lines[name], lines[name] - run[name], 100 * run[name] / lines[name]
            all += lines[name]
            covered += run[name]
        }
        printf "%-12s %8d %8d %7.2f%%\n", "in all", all, all - covered, 100 * covered / all
        print "\nfiles with most lines that were not run (each line is in " gaps "):"
        sorted = "sort -rn | head -n 20"
        for (file in missing) printf "%6d  %s\n", missing[file], file | sorted
        close(sorted)
        if (100 * covered < floor * all) { print "coverage: less than " floor " % in all"; exit 1 }
    }' "$out/coverage.lcov"
