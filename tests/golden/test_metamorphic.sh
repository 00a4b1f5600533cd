#!/bin/bash
# SPDX-License-Identifier: ISC
# Captures changed in ways that must not change what is counted (metamorphic.py): those that the cases' scripts make, and
# the public ones beside the project.  Usage: test_metamorphic.sh BUILD
set -u
cd "$(dirname "$0")/../.."
build=${1:-build}
data=${BULKHEAD_DATA:-../shared/data}
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tests/golden
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for script in tests/golden/cases/*/make.py; do
	name=$(basename "$(dirname "$script")")
	python3 "$script" "$work/$name.pcap" || exit 1
done
skipped=0
public=()
if [ -d "$data/pcap" ]; then
	public=("$data"/pcap/*/*)
else
	echo "SKIPPED: no public captures in $data (set BULKHEAD_DATA to the folder that holds pcap/)"
	skipped=1
fi
timeout 1200 python3 tests/golden/metamorphic.py "$build" "$work"/*.pcap "${public[@]}" >"$work/out" 2>&1
rc=$?
head -n -1 "$work/out"
echo "$(tail -n 1 "$work/out"), $skipped skipped"
exit $rc
