#!/usr/bin/env bash
# Builds the book. Decision records, error pages and references are single files that anyone may drop into their folder; their
# lines in docs/SUMMARY.md are written here from the files' own headings, and the tidy test fails when one is missing.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
. "$root/scripts/env.sh"
docs="$root/docs"

# entries INDENT FOLDER: one line of the summary for each page of the folder but its index.
entries() {
    local page
    for page in "$docs/$2"/*.md; do
        [[ "$(basename "$page")" == README.md ]] && continue
        printf '%s- [%s](%s/%s)\n' "$1" "$(sed -n '1s/^# //p' "$page")" "$2" "$(basename "$page")"
    done
}

# Keeps the hand-written lines and replaces those between each pair of markers.
summary="$(mktemp)"
trap 'rm -f "$summary"' EXIT
written=''
while IFS= read -r line; do
    if [[ "$line" == *'<!-- end -->' ]]; then written=''; fi
    [[ -n "$written" ]] || printf '%s\n' "$line" >>"$summary"
    if [[ "$line" =~ ^(' '*)'<!-- pages of '([a-z]+)' -->'$ ]]; then
        written="${BASH_REMATCH[2]}"
        entries "${BASH_REMATCH[1]}" "$written" >>"$summary"
    fi
done <"$docs/SUMMARY.md"
if ! cmp -s "$summary" "$docs/SUMMARY.md"; then
    if [[ -n "${CI:-}" ]]; then
        echo "docs: docs/SUMMARY.md does not list every page; run 'make docs' and commit it" >&2
        exit 1
    fi
    cp "$summary" "$docs/SUMMARY.md"
fi

mdbook build "$docs" --dest-dir "$CARGO_TARGET_DIR/book"
echo "docs: $CARGO_TARGET_DIR/book/index.html"
