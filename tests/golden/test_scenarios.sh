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
# What a reader of the capture cannot know, although it was sent: the lines that must stand there instead.
expected() { # scenario, truth
	case $1 in
	midstream) echo "10.0.0.1 1 3 2 0 0" ;; # the first RCPT and its reply were before the capture; the 250 to its body was not
	one-sided) echo "10.0.0.1 1 0 0 0 0" ;; # without replies nothing counts as accepted (the session is marked one-sided)
	not-smtp) ;; # other protocols leave no server behind, not even on port 25
	*) truth "$2" ;;
	esac
}
replayed() { jq -r '.servers[] | "\(.server) \(.sessions) \(.messages) \(.recipients_accepted) \(.recipients_rejected) \(.recipients_deferred)"' "$1" | sort; }

for scenario in $("$build/tests/gen/smtpgen" --help 2>&1 | sed -n "s/^  \([a-z0-9-]*\)  .*/\1/p"); do
	[ "$scenario" = bulk ] && continue # the benchmark's
	if ! "$build/tests/gen/smtpgen" "$scenario" -o "$work/c.pcap" --seed 7 >"$work/truth" 2>"$work/err" ||
		! "$build/bulkhead" replay --json "$work/c.pcap" >"$work/out" 2>"$work/err"; then
		echo "FAIL $scenario: $(cat "$work/err")"
		failed=$((failed + 1))
		continue
	fi
	expected "$scenario" "$work/truth" >"$work/want"
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
