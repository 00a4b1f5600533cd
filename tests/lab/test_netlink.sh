#!/bin/bash
# SPDX-License-Identifier: ISC
# What the kernel answers the enforcer, and what becomes of it on the way: lost, cut, interrupted, another's, never; and
# a kernel that has no room.  Afterwards kernel, database and the enforcer's own memory agree.  netlink_fault.c, preloaded
# into the guard, does it to the enforcer's socket for changes and questions.  test_netlink.sh BUILD
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
LAB=${LAB:-nlf$$}
. "$here/lab.sh"
. "$here/postfix.sh"
. "$here/cast.sh"
. "$here/agree.sh"
servers=12
library=$build/tests/lab/netlink_fault.so

# Numbers of enum fault.
declare -A faults=([none]=0 [lose]=1 [error]=2 [lose_error]=3 [cut]=4 [cut_told]=5 [alien_request]=6 [alien_port]=7
	[alien_sender]=8 [refuse]=9)
# fault KIND TIMES [ERRNO-NAME [TEXT [LONGER-THAN]]]
fault() {
	python3 -c 'import errno, struct, sys
kind, times, name, text, longer = sys.argv[2:]
with open(sys.argv[1], "r+b") as f:
    f.write(struct.pack("=IiIII32s", 0, 0, getattr(errno, name, 0), 0, int(longer), text.encode()))
    f.flush()
    f.seek(0)
    f.write(struct.pack("=Ii", int(kind), int(times)))' "$LAB_DIR/fault" "${faults[$1]}" "$2" "${3:-0}" "${4:-}" "${5:-0}"
}
injected() { [ "$(od -An -tu4 -j12 -N4 "$LAB_DIR/fault" | tr -d ' ')" -gt 0 ]; }
log_lines() { wc -l <"$LAB_DIR/guard.log"; }
behind() { bulkhead status --json | jq -r '.enforcer.behind // ""'; }
is_behind() { [ -n "$(behind)" ]; }
caught_up() { [ -z "$(behind)" ]; }
failures() { bulkhead ledger show --from 1 --json | grep -o '"enforce\.failed"' | wc -l; }

# The judge sleeps and another flushes everything: what comes back is what the enforcer remembers.
memory_agrees() {
	local r
	kill -STOP "${LAB_PID[guard]}"
	nft_hv flush ruleset
	lab_wait 60 agrees
	r=$?
	kill -CONT "${LAB_PID[guard]}"
	return $r
}
verbs() { # a block, a renewal, a release, and everything compared
	bulkhead block vm$1 --reason fault --for 1h
	bulkhead block vm$1 --reason fault --for 2h
	bulkhead release vm$2 --reason fault
	nft_hv flush set inet bulkhead blocked
} >/dev/null 2>&1

lab_need
command -v jq >/dev/null || { echo "skipped: jq is not installed"; exit 77; }
[ -e "$library" ] || { echo "$library is missing; build it with make test" >&2; exit 1; }
lab_begin bridged 5 || exit 1
agree_links 1
cast_config "$LAB_DIR/bulkhead.conf" enforce
head -c 64 /dev/zero >"$LAB_DIR/fault"
cast_as="env LD_PRELOAD=$library NETLINK_FAULT=$LAB_DIR/fault"
start_guard || exit 1
agree_inventory || exit 1
for i in 1 2 3 4; do bulkhead block vm$i --reason fault --for 1h >/dev/null; done
check "kernel = database at the beginning" lab_wait 60 agrees
rules_before=$(rules)
pid=$(enforcer)

n=0
for row in "lose 1" "lose 4" "lose 40" "error 1 ENOBUFS" "error 5 ENOBUFS" "lose_error 1 ENOBUFS" "lose_error 9 ENOBUFS" \
	"error 1 EINTR" "error 50 EINTR" "error 1 ENOMEM" "lose_error 6 ENOMEM" "error 1 EAGAIN" "error 20 EAGAIN" \
	"lose_error 3 EAGAIN" "cut 1" "cut 12" "cut_told 1" "cut_told 12" "alien_request 1" "alien_request 30" "alien_port 1" \
	"alien_port 30" "alien_sender 1" "alien_sender 30"; do
	on=$((n % 4 + 5)) off=$(((n + 3) % 4 + 5)) n=$((n + 1))
	fault $row
	verbs $on $off
	check "$row: it was injected" lab_wait 60 injected
	check "$row: kernel = database" lab_wait 60 whole
	fault none 0
	check "$row: and nothing is said to be missing" lab_wait 60 caught_up
	check "$row: the enforcer remembers what the database says" memory_agrees
	check "$row: kernel = database after that, too" lab_wait 60 whole
	check "$row: the enforcer is the same" [ "$(enforcer)" = "$pid" ]
done

# An alien answer is no answer: a block is acknowledged only by its own.
from=$(log_lines)
fault alien_request 3
bulkhead block vm9 --reason alien --for 1h >/dev/null
check "an error of another request is not taken for ours" eval '! tail -n +$((from + 1)) "$LAB_DIR/guard.log" | grep -q "enforce.failed"'
fault none 0

# Silence: the judge says so, and catches up when the kernel speaks again.
from=$(failures)
fault lose 1000000
bulkhead block vm10 --reason silence --for 1h >/dev/null 2>&1
check "silence: it is told" lab_wait 60 eval 'tail -n 40 "$LAB_DIR/guard.log" | grep -qE "(enforce|reconcile)\.failed"'
check "silence: it is in the ledger" lab_wait 60 eval '[ "$(failures)" -gt $from ]'
fault none 0
kill -0 "${LAB_PID[guard]}" 2>/dev/null || { wait "${LAB_PID[guard]}"; start_guard; pid=$(enforcer); }
check "silence: kernel = database when it is over" lab_wait 60 whole
check "silence: and nothing is said to be missing" lab_wait 60 caught_up

# No memory for one of many: the others stand, it is said, and tried until there is room.
for error in ENOMEM ENFILE ENOSPC; do
	bulkhead release --all --reason full >/dev/null 2>&1
	lab_wait 60 whole
	before=$(failures)
	fault refuse 1000000 $error vnet7
	for i in 5 6 7 8; do bulkhead block vm$i --reason full --for 1h >/dev/null 2>&1; done
	kill_guard # all at once, by reconcile
	start_guard
	pid=$(enforcer)
	others() { [ "$(standing netdev | grep -oE '^vnet[568] ' | wc -l)" -eq 3 ] && ! standing netdev | grep -q '^vnet7 '; }
	check "$error for one: the others stand" lab_wait 60 others
	check "$error for one: status says what is missing" lab_wait 60 is_behind
	echo "  $(behind)"
	sleep 5 # two more tries: they are not told again
	told=$(grep -c 'reconcile\.failed' "$LAB_DIR/guard.log")
	check "$error for one: told, and not again and again ($told)" [ "$told" -ge 1 -a "$told" -le 2 ]
	check "$error for one: it is in the ledger" [ "$(failures)" -gt "$before" ]
	fault none 0
	check "$error for one: when there is room it stands by itself" lab_wait 60 whole
	check "$error for one: and nothing is said to be missing" lab_wait 60 caught_up
	check "$error for one: the enforcer remembers what the database says" memory_agrees
	lab_wait 60 whole
done

# No memory for much at once: it comes in parts.
bulkhead release --all --reason full >/dev/null 2>&1
lab_wait 60 whole
fault refuse 1000000 ENOMEM "" 4000
for ((i = 1; i <= servers; i++)); do bulkhead block vm$i --reason parts --for 1h >/dev/null 2>&1; done
nft_hv flush ruleset
kill_guard
start_guard
pid=$(enforcer)
check "room for little at once: all of it stands, in parts" lab_wait 60 agrees
fault none 0

# Sets that another made with a bound: ours have none, and they are made again with what stands.
lab_wait 60 whole
kill_guard
nft_hv -j list ruleset >/dev/null
nft_hv delete table inet bulkhead
nft_hv 'add table inet bulkhead; add set inet bulkhead blocked { type ifname; flags timeout; counter; size 3; }'
start_guard
pid=$(enforcer)
check "a set for three of $servers: all stand" lab_wait 60 whole
check "and nothing is said to be missing" lab_wait 60 caught_up
bulkhead release vm3 --reason full >/dev/null
check "changes go on" lab_wait 60 whole
check "the ledger's chain is whole" bulkhead ledger verify
lab_summary
