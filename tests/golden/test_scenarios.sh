#!/bin/bash
# SPDX-License-Identifier: ISC
# Every kind of SMTP that the generator speaks, replayed: what replay counts is what the generator says it sent.
# Usage: test_scenarios.sh BUILD
set -u
cd "$(dirname "$0")/../.."
build=${1:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# The truth and the replay as the same small lines: server sessions messages accepted rejected deferred
truth() { jq -r 'select(.server) | "\(.server) \(.sessions) \(.messages) \(.recipients_accepted) \(.recipients_rejected) \(.recipients_deferred)"' "$1" | sort; }
replayed() { jq -r '.servers[] | "\(.server) \(.sessions) \(.messages) \(.recipients_accepted) \(.recipients_rejected) \(.recipients_deferred)"' "$1" | sort; }

for scenario in $("$build/tests/gen/smtpgen" --help 2>&1 | sed -n "s/^  \([a-z0-9-]*\)  .*/\1/p"); do
	[ "$scenario" = bulk ] && continue # the benchmark's
	if ! "$build/tests/gen/smtpgen" "$scenario" -o "$work/c.pcap" --seed 7 >"$work/truth" 2>"$work/err" ||
		! "$build/bulkhead" replay --json "$work/c.pcap" >"$work/out" 2>"$work/err"; then
		echo "FAIL $scenario: $(cat "$work/err")"
		failed=$((failed + 1))
		continue
	fi
	truth "$work/truth" >"$work/want"
	replayed "$work/out" >"$work/got"
	if diff "$work/want" "$work/got" >"$work/diff"; then
		echo "ok $scenario ($(wc -l <"$work/want") servers)"
		passed=$((passed + 1))
	else
		echo "FAIL $scenario: server sessions messages accepted rejected deferred; < sent, > counted"
		head -n 10 "$work/diff"
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
