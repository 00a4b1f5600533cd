#!/bin/bash
# SPDX-License-Identifier: ISC
# Every folder of cases/: makes its capture, replays it, and reads it by tshark and oracle.py beside that.
#   make.py OUT | make.sh OUT BUILD   the script that makes the capture; its first comment says what it is about
#   expected     what must be counted: client sessions messages accepted rejected deferred failed
#   checks       (where there is more to say) conditions on the output of replay, in jq's language, one a line
#   differs      (where there is one) why the independent reading is another, and that reading
# Usage: test_cases.sh BUILD [CASE ...]; with names of cases their captures are kept.
set -u
cd "$(dirname "$0")/../.."
build=${1:-build}
shift
work=$(mktemp -d)
[ $# -gt 0 ] || trap 'rm -rf "$work"' EXIT
passed=0 failed=0
command -v tshark >/dev/null || { echo "tshark is missing: run tests/packages.sh test"; exit 1; }

fail() { # case, what
	echo "FAIL $1: $2"
	echo "  again: tests/golden/test_cases.sh $build $1"
	bad=1
}

make_capture() { # folder, file
	if [ -f "$1/make.py" ]; then
		PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tests/golden python3 "$1/make.py" "$2"
	else
		bash "$1/make.sh" "$2" "$build"
	fi
}

run_case() { # name
	local dir=tests/golden/cases/$1 file=$work/$1.pcap got=$work/$1.got want=$work/$1.want
	bad=0
	if ! make_capture "$dir" "$file" 2>"$work/err"; then
		fail "$1" "no capture: $(tail -n 1 "$work/err")"
		return
	fi
	if ! timeout 300 "$build/bulkhead" replay --json "$file" >"$work/$1.json" 2>"$work/err"; then
		fail "$1" "$(cat "$work/err")"
		return
	fi
	sort "$dir/expected" >"$want"
	jq -r '.servers[] | "\(.server) \(.sessions) \(.messages) \(.recipients_accepted) \(.recipients_rejected) \(.recipients_deferred) \(.connects_failed)"' \
		"$work/$1.json" | sort >"$got"
	diff "$want" "$got" >"$work/diff" || fail "$1" "client sessions messages accepted rejected deferred failed; < expected, > counted
$(cat "$work/diff")"
	while IFS= read -r condition; do
		jq -e "$condition" "$work/$1.json" >/dev/null || fail "$1" "does not hold: $condition"
	done < <(cat "$dir/checks" 2>/dev/null)
	timeout 300 python3 tests/golden/oracle.py "$file" 2>/dev/null | sort >"$work/read"
	[ -f "$dir/differs" ] && grep -v '^#' "$dir/differs" | sort >"$want"
	diff "$want" "$work/read" >"$work/diff" || fail "$1" "expected <, but tshark shows >
$(cat "$work/diff")"
}

for name in ${*:-$(ls tests/golden/cases)}; do
	[ -d "tests/golden/cases/$name" ] || continue
	run_case "$name"
	if [ $bad -eq 0 ]; then
		echo "ok $name"
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done
[ -d "$work" ] && [ $# -gt 0 ] && echo "captures and outputs: $work"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
