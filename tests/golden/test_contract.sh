#!/bin/bash
# SPDX-License-Identifier: ISC
# The members of `replay --json`, their order and their types: the contract that others build on.
# Usage: test_contract.sh BUILD
set -u
cd "$(dirname "$0")/../.."
build=${1:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

expect() { # title, wanted, got
	if [ "$2" = "$3" ]; then
		echo "ok $1"
		passed=$((passed + 1))
	else
		printf 'FAIL %s\n  wanted: %s\n  got:    %s\n' "$1" "$2" "$3"
		failed=$((failed + 1))
	fi
}
types='def t: if type == "number" then "number" else type end;'

"$build/tests/gen/smtpgen" newsletter -o "$work/n.pcap" --seed 1 >"$work/truth" || exit 1
"$build/tests/gen/smtpgen" shop -o "$work/s.pcap" --seed 1 >"$work/truth2" || exit 1
"$build/bulkhead" replay --json "$work/n.pcap" >"$work/n.json" || exit 1
"$build/bulkhead" replay --json "$work/s.pcap" >"$work/s.json" || exit 1

expect "top level" "version,capture,servers" "$(jq -r 'keys_unsorted | join(",")' "$work/n.json")"
expect "version" 1 "$(jq .version "$work/n.json")"
expect "capture" "packets,bytes,flows,evicted,malformed,gaps,first,last" "$(jq -r '.capture | keys_unsorted | join(",")' "$work/n.json")"
expect "a server" "server,addresses,sessions,sessions_tls,connects_failed,messages,messages_estimated,recipients_accepted,recipients_rejected,recipients_deferred,distinct_destinations,distinct_recipient_domains,bulk,abuse,verdict,question,blocked_at,messages_before_block,case" \
	"$(jq -r '.servers[0] | keys_unsorted | join(",")' "$work/n.json")"
expect "score" "score,reasons" "$(jq -r '.servers[0].bulk | keys_unsorted | join(",")' "$work/n.json")"
expect "reason" "number,string,string" "$(jq -r "$types"' .servers[0].bulk.reasons[0] | [(.points|t), (.signal|t), (.text|t)] | join(",")' "$work/n.json")"
expect "blocked server" "block bulk string number string" \
	"$(jq -r "$types"' .servers[0] | [.verdict, .question, (.blocked_at|t), (.messages_before_block|t), (.case|t)] | join(" ")' "$work/n.json")"
expect "times" true "$(jq '[.capture.first, .capture.last, .servers[0].blocked_at] | all(test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\\.[0-9]+)?Z$"))' "$work/n.json")"
expect "spared server" "clear null null null null" \
	"$(jq -r '.servers[0] | [.verdict, .question, .blocked_at, .messages_before_block, .case] | map(. // "null") | join(" ")' "$work/s.json")"
expect "same input, same output" "$(sha256sum <"$work/n.json")" "$("$build/bulkhead" replay --json "$work/n.pcap" | sha256sum)"
expect "few messages before the block" true "$(jq '.servers[0].messages_before_block <= 60' "$work/n.json")"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
