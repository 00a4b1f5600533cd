#!/bin/bash
# SPDX-License-Identifier: ISC
# Runs the rings of tests and counts: run.sh BUILD [ring ...].  Each case runs with a deadline, its output goes to
# BUILD/test-logs; the last line is "N passed, N failed, N skipped".  A case that exits with 77 was skipped, and
# its last line says why.
set -u
cd "$(dirname "$0")/.."
build=$1
shift
rings=${*:-unit fuzz golden policy sandbox cli lab lint}
logs=$build/test-logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0

# Adds what the log of a case says: cmocka's closing lines, a plain counting line, else the exit code alone.
count() { # name exit-code log
	local name=$1 rc=$2 log=$3 p f s line
	p=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s).*/\1/p' "$log" | paste -sd+ | bc)
	f=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test(s).*/\1/p' "$log" | paste -sd+ | bc)
	s=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test(s).*/\1/p' "$log" | paste -sd+ | bc)
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
	if [ -n "$line" ]; then
		p=${line%% passed*}
		f=$(sed 's/.*passed, \([0-9]*\) failed.*/\1/' <<<"$line")
		s=$(sed -n 's/.*failed, \([0-9]*\) skipped.*/\1/p' <<<"$line")
	fi
	p=${p:-0} f=${f:-0} s=${s:-0}
	if [ "$rc" -eq 77 ]; then
		echo "  SKIP $name: $(tail -n 1 "$log")"
		skipped=$((skipped + 1))
		return
	fi
	if [ "$rc" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
	# A case that counts must have something to count; one that does not is one.
	if [ "$rc" -eq 0 ] && [ $((p + f + s)) -eq 0 ]; then
		if [ -n "$line" ]; then f=1; else p=1; fi
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	if [ "$f" -ne 0 ]; then
		echo "  FAIL $name ($p passed, $f failed, exit $rc):"
		tail -n 40 "$log" | sed 's/^/       /'
	else
		echo "  ok   $name ($p)"
		[ "$s" -ne 0 ] && grep -iE 'skip' "$log" | head -n 5 | sed 's/^/       /'
	fi
}

run() { # name deadline-seconds command...
	local name=$1 deadline=$2 log="$logs/${1//\//_}.log"
	shift 2
	timeout -k 10 "$deadline" "$@" >"$log" 2>&1 </dev/null
	count "$name" $? "$log"
}

for ring in $rings; do
	echo "$ring:"
	case $ring in
	unit) for t in tests/unit/test_*.c; do n=$(basename "$t" .c); run "unit/$n" 600 "$build/san/tests/unit/$n"; done ;;
	fuzz) for t in tests/fuzz/fuzz_*.c; do
		n=$(basename "$t" .c)
		run "fuzz/$n" 900 "$build/san/tests/fuzz/$n" "tests/fuzz/corpus/${n#fuzz_}"
	done ;;
	golden) for t in tests/golden/test_*.sh; do run "golden/$(basename "$t" .sh)" 1800 bash "$t" "$build"; done ;;
	policy) for t in tests/policy/test_*.c; do
		n=$(basename "$t" .c)
		run "policy/$n" 1800 "$build/tests/policy/$n"
	done ;;
	sandbox) for t in tests/sandbox/test_*.c; do
		n=$(basename "$t" .c)
		run "sandbox/$n" 600 "$build/tests/sandbox/$n"
	done ;;
	cli) for t in tests/cli/test_*.sh; do run "cli/$(basename "$t" .sh)" 1800 bash "$t" "$build"; done ;;
	lab) for t in tests/lab/test_*.sh; do run "lab/$(basename "$t" .sh)" 1800 bash "$t" "$build"; done ;;
	lint) for t in tests/lint/lint_*.sh; do run "lint/$(basename "$t" .sh)" 3600 bash "$t" "$build"; done ;;
	*) echo "run.sh: no ring \"$ring\"" >&2; exit 2 ;;
	esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
