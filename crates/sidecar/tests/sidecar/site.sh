#!/usr/bin/env bash
# A site that does what a test tells it to, by files in $SITE:
#   VERB.hangs-before   it stops for ever before it takes effect        VERB.hangs-after   ... after, before it answers
#   VERB.fails          it says that it failed                          VERB.garbles       it says something else
#   VERB.shouts         it says too much, on both outputs               VERB.pends         it says that it goes on; status ends it
#   ID.lost             the inventory has no host for it           delete.forgets      so does status of its create, after a delete
set -euo pipefail
verb="$1"
mkdir -p "$SITE/hosts" "$SITE/done"
told="$(cat)"
field() {
    local pattern="\"$1\":\"([^\"]*)\""
    [[ "$told" =~ $pattern ]] && printf '%s' "${BASH_REMATCH[1]}"
}
is() { [[ -e "$SITE/$verb.$1" ]]; }

if [[ "$verb" == list ]]; then
    echo list >> "$SITE/lists"
    comma=""
    printf '{"machines":['
    while read -r id type zone cores memory; do
        printf '%s{"id":"%s","instance_type":"%s","zone":"%s","capacity_type":"on-demand","price_per_hour":1.5' "$comma" "$id" "$type" "$zone"
        printf ',"resources":{"cpu":"%s","memory":"%s"}' "$cores" "$memory"
        if [[ -e "$SITE/hosts/$id" && ! -e "$SITE/$id.lost" ]]; then printf ',"host":"%s"' "host-$id"; fi
        printf '}'
        comma=","
    done < "$SITE/slots"
    printf ']}\n'
    exit
fi

key="$(field key)"
id="$(field id)"
printf '%s\n' "$told" > "$SITE/told-$verb"
env > "$SITE/env"
echo "$verb $key" >> "$SITE/runs"
if [[ "$verb" == status ]]; then
    if is garbles; then echo "no idea"; exit 3; fi
    if [[ -e "$SITE/done/$key" ]]; then cat "$SITE/done/$key"; else echo '{"state":"absent"}'; fi
    exit
fi
# A child of ours that would hold the output open; `child` has its id.
if is hangs-before; then sleep 1000 & echo $! > "$SITE/child"; wait; fi
if is fails; then echo '{"state":"failed","error":"out of order"}'; exit 1; fi
answer='{"state":"done"}'
case "$verb" in
    create)
        : > "$SITE/hosts/$id"
        answer="{\"state\":\"done\",\"host\":\"host-$id\""
        if [[ -e "$SITE/address" ]]; then answer+=",\"address\":\"$(cat "$SITE/address")\""; fi
        if [[ -e "$SITE/host-key" ]]; then answer+=",\"host_keys\":[\"$(cat "$SITE/host-key")\"]"; fi
        answer+="}"
        ;;
    delete)
        rm -f "$SITE/hosts/$id"
        if is forgets; then rm -f "$SITE/done/create-$id-"*; fi
        ;;
esac
printf '%s\n' "$answer" > "$SITE/done/$key"
if is hangs-after; then sleep 1000 & echo $! > "$SITE/child"; wait; fi
if is pends; then echo '{"state":"pending","reason":"booting"}'; exit; fi
if is garbles; then echo "fine!"; exit; fi
if is shouts; then head -c 100000 /dev/zero | tr '\0' 'x' >&2; head -c 100000 /dev/zero | tr '\0' 'x'; exit; fi
printf '%s\n' "$answer"
