#!/bin/bash
# SPDX-License-Identifier: ISC
# Public captures beside the project (they are not part of it): what replay counts, client by client, against an
# independent reading of commands and replies (tshark and oracle.py), and in sum against the manifest that came with
# the captures.  Every difference is named in public_differences.sh with its reason; one that is gone fails, too.
# Usage: test_public.sh BUILD
set -u
cd "$(dirname "$0")/../.."
build=${1:-build}
data=${BULKHEAD_DATA:-../shared/data}
if [ ! -r "$data/MANIFEST.tsv" ]; then
	echo "SKIPPED: no public captures in $data (set BULKHEAD_DATA to the folder that holds MANIFEST.tsv)"
	exit 77
fi
passed=0 failed=0
out=$(mktemp)
err=$(mktemp)
trap 'rm -f "$out" "$err"' EXIT

# Captures where our reading is another than the manifest's, and why.
declare -A differ=() unlike=()
# shellcheck source=/dev/null
. tests/golden/public_differences.sh

sum() { jq -r '[.servers[] | [.sessions, .messages, .recipients_accepted, .recipients_rejected]] | if . == [] then [0, 0, 0, 0] else transpose | map(add) end | join(" ")' "$1"; }

while IFS=$'\t' read -r file sessions messages contents; do
	accepted=$(sed -n 's/.*rcpt accepted \([0-9]*\).*/\1/p' <<<"$contents")
	rejected=$(sed -n 's/.*, rejected \([0-9]*\).*/\1/p' <<<"$contents")
	want="$sessions $messages ${accepted:-0} ${rejected:-0}"
	name=${file#pcap*/}
	if ! timeout 300 "$build/bulkhead" replay --json "$data/$file" >"$out" 2>"$err"; then
		got="error: $(head -c 200 "$err")"
	else
		got=$(sum "$out")
	fi
	if [ "$got" = "$want" ]; then
		passed=$((passed + 1))
	elif [ "${differ[$name]+set}" ] && [ "${differ[$name]%% :*}" = "$got" ]; then
		echo "ok $name: $got, not $want:${differ[$name]#*:}"
		passed=$((passed + 1))
	else
		echo "FAIL $name: sessions messages accepted rejected are $want, counted $got"
		failed=$((failed + 1))
	fi
done < <(awk -F'\t' '$1 ~ /^pcap\// {print $1 "\t" $12 "\t" $13 "\t" $10}' "$data/MANIFEST.tsv")

# Client by client: client sessions messages accepted rejected deferred failed.
read_both() { # capture; answers by $want and $got
	want=$(timeout 300 python3 tests/golden/oracle.py "$1" 2>/dev/null | sort | paste -sd,)
	got=$(timeout 300 "$build/bulkhead" replay --json "$1" 2>/dev/null | jq -r '.servers[] | "\(.server) \(.sessions) \(.messages) \(.recipients_accepted) \(.recipients_rejected) \(.recipients_deferred) \(.connects_failed)"' | sort | paste -sd,)
}
command -v tshark >/dev/null || { echo "tshark is missing: run tests/packages.sh test"; exit 1; }
clients=0
for f in "$data"/pcap/*/*; do
	name=${f#"$data"/pcap/}
	read_both "$f"
	clients=$((clients + $(tr ',' '\n' <<<"$want" | grep -c .)))
	why=${unlike[$name]-}
	if [ -n "$why" ] && [ "$got" = "${why%% :*}" ] && [ "$got" != "$want" ]; then
		echo "ok $name: $got, not $want:${why#*:}"
		passed=$((passed + 1))
	elif [ "$got" = "$want" ] && [ -z "$why" ]; then
		passed=$((passed + 1))
	else
		echo "FAIL $name: client sessions messages accepted rejected deferred failed; tshark shows $want, counted $got"
		echo "  again: python3 tests/golden/oracle.py --dialogue $f"
		failed=$((failed + 1))
	fi
done
echo "read independently: $clients clients in $(ls "$data"/pcap/*/* | wc -l) captures"

# What is not SMTP must not become SMTP.
for f in "$data"/pcap-negative/*; do
	if timeout 300 "$build/bulkhead" replay --json "$f" >"$out" 2>"$err" && [ "$(jq '[.servers[].sessions] | add // 0' "$out")" = 0 ]; then
		passed=$((passed + 1))
	else
		echo "FAIL $(basename "$f"): not SMTP, but counted: $(jq -c '[.servers[].sessions]' "$out" 2>/dev/null) $(head -c 200 "$err")"
		failed=$((failed + 1))
	fi
done

# Hostile files end in order: results, or one sentence.
for f in "$data"/pcap-hostile/*; do
	timeout 300 "$build/san/bulkhead" replay --json "$f" >"$out" 2>"$err"
	rc=$?
	if { [ $rc -eq 0 ] && jq -e .version "$out" >/dev/null; } || { [ $rc -eq 1 ] && [ "$(wc -l <"$err")" -eq 1 ]; }; then
		passed=$((passed + 1))
	else
		echo "FAIL $(basename "$f"): exit $rc: $(head -c 300 "$err")"
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
