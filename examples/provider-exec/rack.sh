#!/usr/bin/env bash
# rack.sh VERB: a provider of one rack, to be copied. It speaks JSON on standard input and output, and to people on standard error.
#
# The rack is a folder: `slots` has one line for each machine (id, instance type, zone, cores, memory), `hosts/ID` exists while a
# machine is on, `done/KEY` has the answer for each transition that has ended. Put your own commands where it says SITE.
#
# The one rule: `done/KEY` is written before the answer is given, so that `status` knows what became of KEY whatever crashed.
set -euo pipefail

rack="${RACK:?says where the rack lies}"
verb="$1"
mkdir -p "$rack/hosts" "$rack/done" "$rack/begun"
told="$(cat)"

# The value of one field of what we were told. Ids, keys and names have no quotes in them; for other values use a JSON parser.
field() {
    local pattern="\"$1\":\"([^\"]*)\""
    [[ "$told" =~ $pattern ]] && printf '%s' "${BASH_REMATCH[1]}"
}

# Ends a transition: what is said is what is on disk.
say() {
    printf '%s\n' "$1" > "$rack/done/$key.new"
    mv "$rack/done/$key.new" "$rack/done/$key"
    cat "$rack/done/$key"
}

list() {
    local comma="" id type zone cores memory
    printf '{"machines":['
    while read -r id type zone cores memory; do
        printf '%s{"id":"%s","instance_type":"%s","zone":"%s","capacity_type":"bare-metal"' "$comma" "$id" "$type" "$zone"
        printf ',"resources":{"cpu":"%s","memory":"%s"}' "$cores" "$memory"
        [[ -e "$rack/hosts/$id" ]] && printf ',"host":"%s"' "$id.rack"
        printf '}'
        comma=","
    done < "$rack/slots"
    printf ']}\n'
}

if [[ "$verb" == list ]]; then
    list
    exit
fi

key="$(field key)"
id="$(field id)"
if [[ -e "$rack/done/$key" ]]; then
    cat "$rack/done/$key"
elif [[ "$verb" == status && -e "$rack/begun/$key" ]]; then
    # Begun and not ended: it is still at work, or it was cut off. SITE: look at the machine, and say which.
    echo '{"state":"unknown","reason":"it began and has not ended"}'
elif [[ "$verb" == status ]]; then
    echo '{"state":"absent","reason":"nobody has begun it"}'
else
    echo "$verb $id" >&2
    : > "$rack/begun/$key"
    case "$verb" in
        create) # SITE: switch it on, wait until it answers
            : > "$rack/hosts/$id"
            say "{\"state\":\"done\",\"host\":\"$id.rack\"}"
            ;;
        configure | drain) # SITE: join the cluster in `cluster` with `user_data`; let the workload leave
            say '{"state":"done"}'
            ;;
        delete) # SITE: switch it off
            rm -f "$rack/hosts/$id"
            say '{"state":"done"}'
            ;;
        *)
            echo "no such verb: $verb" >&2
            exit 2
            ;;
    esac
fi
