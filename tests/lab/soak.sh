#!/bin/bash
# SPDX-License-Identifier: ISC
# Faults and load: soak.sh BUILD [SECONDS [SERVERS [SESSIONS_PER_S]]].  `make test` runs the short form through
# test_soak.sh, `make soak` ten minutes of 10,000 servers with 2,000 sessions a second.  The guard, its database on a
# small tmpfs of its own, gets the observations of soak_driver in a network namespace; then it is killed at random
# moments, its disk is full, read-only, its database damaged, its sensor gone.  After each the ledger must be whole
# and the kernel hold what the database says.  Each figure is a line "figure NAME VALUE".
set -u
build=$(realpath "${1:?usage: $0 BUILD [SECONDS [SERVERS [RATE]]]}")
seconds=${2:-600} servers=${3:-10000} rate=${4:-2000}
if [ "$(id -u)" -ne 0 ]; then
	echo "skipped: needs root for namespaces"
	exit 77
fi
if [ "${SOAK_INSIDE:-}" != yes ]; then
	SOAK_INSIDE=yes exec unshare --net --mount --propagation private bash "$0" "$@"
fi
guard='' driver=''
work=$(mktemp -d "/tmp/bulkhead-soak-XXXXXX")
cleanup() {
	for p in $guard $driver; do kill -9 "$p" 2>/dev/null; done
	wait
	# The history writer ends a moment after its guard.
	for _ in $(seq 50); do
		umount "$work/state" 2>/dev/null || ! mountpoint -q "$work/state" && break
		sleep 0.1
	done
	rm -rf "$work"
}
trap cleanup EXIT

# shellcheck source=tests/lab/checks.sh
. "$(dirname "$0")/checks.sh"
not() { ! "$@"; }
figure() { echo "figure $*"; }
b() { timeout 120 "$build/bulkhead" --config "$work/bulkhead.conf" "$@"; }
status() { b --json status >"$work/status.json" 2>/dev/null; }
says() { status && jq -e "$1" "$work/status.json" >/dev/null; } # jq-condition
# Memory of the judge that is its own (not shared, not the page cache), in KiB.
memory() { awk '/^RssAnon/ {print $2}' "/proc/$guard/status"; }

start_guard() { # waits until it is ready
	"$build/bulkhead-guard" --config "$work/bulkhead.conf" >>"$work/guard.log" 2>&1 &
	guard=$!
	soon 60 status
}
end_guard() { # signal
	kill "-$1" "$guard"
	wait "$guard" 2>/dev/null
	guard=
}
load() { # seconds rate [bulk]: in the background
	"$build/tests/lab/soak_driver" "$work/run/obs.sock" "$servers" "$2" "$1" "${3:-0}" >"$work/driver.out" 2>>"$work/driver.log" &
	driver=$!
}
end_load() { # sets load_line; not in a subshell, which could not wait
	wait "$driver"
	driver=
	load_line=$(tail -n 1 "$work/driver.out")
}
# Cases of the database that must be in the kernel, and cases that are.
same() {
	status || return 1
	jq -r '.blocked[] | select(.verdict == "block" and .enforced) | .case' "$work/status.json" | sort -u >"$work/database"
	nft list ruleset | grep -oE 'case=bh-[a-z0-9]+' | cut -d= -f2 | sort -u >"$work/kernel"
	cmp "$work/database" "$work/kernel" && [ -s "$work/database" ]
}
whole() { # name
	is "$1-ledger" b ledger verify
	is "$1-kernel-is-database" soon 60 same
}

chmod 755 "$work"
mkdir "$work/run" "$work/state"
# Room for the database, the copy, the next copy and a restored one, and the history of the run.
mount -t tmpfs -o "size=$((32 + servers / 20))m,mode=755" none "$work/state"
printf 'run_dir = "%s/run"\nstate_dir = "%s/state"\nmode = "enforce"\n' "$work" "$work" >"$work/bulkhead.conf"
awk -v n="$servers" 'BEGIN {print "server,virtualization,interfaces,addresses"
	for (i = 0; i < n; i++) {a = i + 1; printf "vm-%d,kvm,tap%d,10.%d.%d.%d\n", i, i, int(a / 65536), int(a / 256) % 256, a % 256}}' >"$work/servers.csv"
is start start_guard
is import b server import "$work/servers.csv"
bulk=$((servers / 1000 + 3))
# A block stands in the kernel while its port exists: those that will be blocked have one.
for n in $(seq 0 $((bulk + 5))); do ip link add "tap$n" type veth peer name "in$n" && ip link set "tap$n" up; done

# --- load: flat memory, the mailings are found, everything is taken ---
begin=$(date +%s)
cpu() { awk '{print $14 + $15}' "/proc/$guard/stat"; }
cpu_before=$(cpu)
load "$seconds" "$rate" "$bulk"
sleep $((seconds / 2))
half=$(memory)
end_load
full=$(memory)
cpu_after=$(cpu)
took=$(($(date +%s) - begin))
figure load "servers=$servers sessions_per_s=$rate seconds=$took $load_line"
figure guard-cpu-percent $(((cpu_after - cpu_before) * 100 / $(getconf CLK_TCK) / (took > 0 ? took : 1)))
figure guard-memory-KiB "half=$half end=$full"
figure disk-KiB "$(du -k "$work/state"/guard.db* | awk '{printf "%s=%s ", substr($2, match($2, /[^\/]*$/)), $1}')of=$(df -k --output=size "$work/state" | tail -n 1 | tr -d ' ')"
is load-nothing-lost grep -q 'lost=0 waiting=0' <<<"$load_line"
# A server takes its memory when it is first heard of.  In a short run many are met in the second half, and SQLite's
# cache and the first copy of the database come in between.
is load-memory-is-flat test "$full" -le $((half + half / 20 + 4096 + (seconds < 60 ? servers * 4 : 0)))
is load-mailings-blocked soon 60 says ".verdicts.block == $bulk"
is load-others-clear soon 60 says ".verdicts.clear + .verdicts.watch == $servers - $bulk"
whole load

# --- killed at random moments under load ---
kills=$((seconds / 10 < 3 ? 3 : seconds / 10))
load $((kills * 2 + 5)) $((rate / 2)) "$bulk"
worst=0
for _ in $(seq "$kills"); do
	sleep "$((RANDOM % 2)).$((RANDOM % 10))"
	end_guard KILL
	t=${EPOCHREALTIME/./}
	start_guard || break
	t=$(((${EPOCHREALTIME/./} - t) / 1000))
	[ "$t" -gt "$worst" ] && worst=$t
done
kill "$driver" 2>/dev/null; wait "$driver" 2>/dev/null; driver=
figure kill "times=$kills slowest_start_ms=$worst"
is kill-comes-back soon 60 status
whole kill

# --- guard gone: the sensor keeps what it can and counts the rest ---
end_guard TERM
load 4 "$rate"
end_load
figure guard-gone "$load_line"
is guard-gone-is-counted grep -qE 'waiting=[1-9]|lost=[1-9]' <<<"$load_line"
is guard-gone-blocks-stand test "$(nft list ruleset | grep -c 'case=bh-')" -ge "$bulk"
start_guard

# --- sensor gone: the guard says so, and no verdict rises ---
load 1 10
end_load
is sensor-gone-is-said soon 60 says '[.sensors[] | .connected] | any | not'
jq -c .verdicts "$work/status.json" >"$work/before"
sleep 3
status
jq -c .verdicts "$work/status.json" >"$work/after"
is sensor-gone-ladder-stands cmp "$work/before" "$work/after"
is sensor-gone-in-words grep -q 'sensor    gone' <(b status)

# --- disk full ---
dd if=/dev/zero of="$work/state/ballast" bs=64k >/dev/null 2>&1
for _ in $(seq 200); do b block "vm-$((bulk + 1))" --reason "$(printf 'disk %0180d' 0)" --for 1h >"$work/full.out" 2>&1 || break; b release "vm-$((bulk + 1))" --reason again >/dev/null 2>&1 || break; done
is full-refused-in-words grep -qiE 'full|room' "$work/full.out"
load 3 "$rate"
end_load
is full-still-answers soon 60 status
is full-blocks-stand test "$(nft list ruleset | grep -c 'case=bh-')" -ge "$bulk"
rm "$work/state/ballast"
is full-room-again soon 60 b block "vm-$((bulk + 2))" --reason 'room again' --for 1h
whole full

# --- read-only disk: a kernel lets it become so only while nobody writes; so it is met at the start ---
end_guard TERM
is readonly-begins soon 60 mount -o remount,ro "$work/state"
timeout 120 "$build/bulkhead-guard" --config "$work/bulkhead.conf" >"$work/readonly.out" 2>&1
is readonly-refused-in-words grep -qiE 'read-only' "$work/readonly.out"
is readonly-blocks-stand test "$(nft list ruleset | grep -c 'case=bh-')" -ge "$bulk"
mount -o remount,rw "$work/state"
is readonly-over start_guard
whole readonly

# --- damaged database: refused, the copy is offered, blocks stand, the copy works ---
is backup-is-made test -s "$work/state/guard.db.backup"
end_guard TERM
touch "$work/marker"
start_guard # a copy of what stands now is made at start
is backup-is-new soon 120 test "$work/state/guard.db.backup" -nt "$work/marker"
end_guard KILL
rm -f "$work/state/guard.db-wal" "$work/state/guard.db-shm"
dd if=/dev/urandom of="$work/state/guard.db" bs=4096 seek=1 count=8 conv=notrunc >/dev/null 2>&1
timeout 120 "$build/bulkhead-guard" --config "$work/bulkhead.conf" >"$work/damage.out" 2>&1
is damage-refused test $? -eq 1
is damage-offers-the-copy grep -q 'guard.db.backup in its place' "$work/damage.out"
is damage-blocks-stand test "$(nft list ruleset | grep -c 'case=bh-')" -ge "$bulk"
mv "$work/state/guard.db" "$work/state/guard.db.damaged"
rm -f "$work/state/guard.db-wal" "$work/state/guard.db-shm"
is damage-copy-fits cp -a "$work/state/guard.db.backup" "$work/state/guard.db"
is damage-copy-starts start_guard
whole damage

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] || { tail -n 15 "$work/guard.log" | cut -c1-300; exit 1; }
