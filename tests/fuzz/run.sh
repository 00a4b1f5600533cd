#!/bin/bash
# SPDX-License-Identifier: ISC
# libFuzzer over harnesses, one after another: run.sh BUILD SECONDS NAME ...  Begins with tests/fuzz/corpus/NAME; inputs
# that fail are put there, so that `make test` replays them; new coverage stays in BUILD/found/NAME.
set -u
cd "$(dirname "$0")/../.."
build=$1 seconds=$2
shift 2
failed=0
for name in "$@"; do
	mkdir -p "$build/found/$name" "$build/log" "tests/fuzz/corpus/$name"
	timeout -k 10 $((seconds + 120)) "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
		-max_len=16384 -artifact_prefix="tests/fuzz/corpus/$name/" -print_final_stats=1 \
		"$build/found/$name" "tests/fuzz/corpus/$name" >"$build/log/$name" 2>&1 </dev/null
	code=$?
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/log/$name")
	if [ $code -eq 0 ]; then
		echo "ok $name: ${runs:-?} inputs in $seconds s, nothing found"
	else
		echo "FAIL $name: exit $code, see $build/log/$name"
		failed=1
	fi
done
exit $failed
