#!/bin/bash
# SPDX-License-Identifier: ISC
# 100,000 elements: what the database wants stands in the kernel after the start, after others took it away, and after
# a restart; a single block is not slow beside them, and memory is bounded.  test_scale.sh BUILD
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
LAB=${LAB:-scl$$}
. "$here/lab.sh"
. "$here/postfix.sh"
. "$here/cast.sh"
tcp=$here/tcp.py
elements=100000

nft_hv() { lab_in hv nft "$@"; }
counts() { lab_in hv python3 "$here/set_count.py" bulkhead "$1"; }
full() { [ "$(counts braked4)" = "$elements $elements $elements" ]; }
refused() { [ "$(lab_in shop python3 "$tcp" try "$(lab_mx4 1)" 25)" = refused ]; }
now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
child() { local c; for c in $(pgrep -P "${LAB_PID[guard]}"); do grep -qx bulkhead-enforc "/proc/$c/comm" && echo "$c"; done; }
peak_mib() { awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$1/status"; }
log_lines() { wc -l <"$LAB_DIR/guard.log"; }
settled() { bulkhead status --json | jq -e ".enforcer.reconciled > $1" >/dev/null; }
reconciled() { bulkhead status --json | jq .enforcer.reconciled; }

lab_need
lab_begin bridged 2 && lab_tenant shop || exit 1
lab_start ext mx python3 "$tcp" serve 25
lab_wait_listen ext 25 || exit 1
cast_config "$LAB_DIR/bulkhead.conf" enforce
cast_guard || exit 1
# A server without an interface of its own has an element for each of its addresses: the brake.
awk -v n=$elements 'BEGIN {
	print "server,virtualization,interfaces,addresses"
	print "shop,kvm,vnet1,"
	for (i = 0; i < n; i += 8) {
		printf "vm%d,kvm,,", i / 8
		for (k = i; k < i + 8; k++) printf "%s10.%d.%d.%d", (k > i ? ";" : ""), int(k / 65536), int(k / 256) % 256, k % 256
		print ""
	}
}' >"$LAB_DIR/servers.csv"
begin=$(now_ms)
check "servers with $elements addresses are imported" bulkhead server import "$LAB_DIR/servers.csv"
[ $LAB_FAILED -eq 0 ] || { lab_summary; exit 1; }
echo "  in $(($(now_ms) - begin)) ms"
[ "$(counts braked4)" != "- - -" ] || { echo "skipped: this kernel does not count its sets"; exit 77; }
check "each has its element in every table" lab_wait 120 full
begin=$(now_ms)
check "one server is blocked beside them" bulkhead block shop --reason test --for 1h
echo "  in $(($(now_ms) - begin)) ms"
check "and refused" refused

for wipe in "flush ruleset" "flush set inet bulkhead braked4" "delete table netdev bulkhead" "delete element bridge bulkhead braked4 { 10.0.1.7 }" \
	"add element inet bulkhead blocked4 { 192.0.2.77 }"; do
	before=$(reconciled)
	from=$(($(log_lines) + 1))
	nft_hv "$wipe" || { check "$wipe" false; continue; }
	begin=$(now_ms)
	check "$wipe: the blocked server is refused again" lab_wait 120 refused
	blocked_ms=$(($(now_ms) - begin))
	check "$wipe: all $elements stand again" lab_wait 120 full
	full_ms=$(($(now_ms) - begin))
	check "$wipe: it was repaired, by name" lab_wait_line 120 "$LAB_DIR/guard.log" 'guard\.repaired .*by nft' "$from"
	check "$wipe: kernel = database: reconcile finds what it wants" lab_wait 120 settled "$before"
	check "$wipe: and nothing else" [ "$(counts blocked4)" = "0 0 0" ]
	echo "  blocked server refused after $blocked_ms ms, all after $full_ms ms; load $(cut -d' ' -f1 /proc/loadavg)"
done
check "no reconcile failed" eval '! grep -E "reconcile\.failed|enforce\.failed" "$LAB_DIR/guard.log"'
check "the enforcer needs less than 192 MiB at its peak ($(peak_mib "$(child)"))" [ "$(peak_mib "$(child)")" -lt 192 ]
check "the judge needs less than 512 MiB ($(peak_mib "${LAB_PID[guard]}"))" [ "$(peak_mib "${LAB_PID[guard]}")" -lt 512 ]

kill -KILL "${LAB_PID[guard]}" $(child)
wait "${LAB_PID[guard]}" 2>/dev/null
unset 'LAB_PID[guard]'
check "the guard is killed: the block stands" refused
begin=$(now_ms)
check "and comes back" cast_guard
echo "  ready after $(($(now_ms) - begin)) ms"
check "its first reconcile works" lab_wait 120 settled 0
check "all elements stand" full
check "the block stands" refused
check "no reconcile failed then either" eval '! grep -E "reconcile\.failed|enforce\.failed" "$LAB_DIR/guard.log"'
lab_summary
