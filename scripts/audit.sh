#!/usr/bin/env bash
# Known vulnerabilities in what we depend on. Kept out of CI: the database lies on a public git host, and a build that fails
# because another host is away says nothing about the code.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
if ! "$root/scripts/cargo" deny --locked fetch db </dev/null; then
    echo "audit: the advisory database could not be downloaded; nothing was checked. Try again where its host can be reached." >&2
    exit 1
fi
exec "$root/scripts/cargo" deny --locked check advisories
