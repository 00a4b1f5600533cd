#!/bin/bash
# SPDX-License-Identifier: ISC
# What may go wrong, and afterwards the kernel holds what the database says: processes killed at any step, the
# enforcer hung, tables torn away, verdicts that change as fast as they can.
# test_faults.sh BUILD      FAULT_ROUNDS=N: of each kind (make soak: 60)
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
LAB=${LAB:-flt$$}
. "$here/lab.sh"
. "$here/postfix.sh"
. "$here/cast.sh"
. "$here/agree.sh"
rounds=${FAULT_ROUNDS:-2}
servers=20

verb() { # one change by a person, of a server chosen by chance
	local s=vm$((RANDOM % servers + 1))
	if [ $((RANDOM % 2)) -eq 0 ]; then bulkhead block $s --reason fault --for 1h; else bulkhead release $s --reason fault; fi >/dev/null 2>&1
}
changes() { local i; for ((i = 0; i < $1; i++)); do verb; done; return 0; }
# Changes go on while something breaks after some milliseconds.
during() { # COMMAND...
	changes 12 &
	local job=$!
	sleep "0.0$((RANDOM % 90 + 10))"
	"$@"
	wait $job
}

case_hung_judge() {
	kill -STOP "${LAB_PID[guard]}"
	nft_hv flush ruleset
	check "$round: the judge hangs, another flushes: the enforcer alone puts it back" lab_wait 60 eval '[ "$(rules)" = "$rules_before" ]'
	ip -n "$LAB-hv" link del vnet3
	ip -n "$LAB-hv" link add vnet3 type veth peer name peer3
	kill -CONT "${LAB_PID[guard]}"
	lab_wait 60 hooked
	rules_before=$(rules)
	check "$round: and a link that came meanwhile has its elements when it goes on" lab_wait 60 whole
}
# The enforcer's next three requests to nftables fail with ERROR.  By socket, so that its answers to the judge, which are
# the same system call, get through; and as getpid(), because its seccomp filter kills for the number -1 that strace
# would put there.
inject() { # ERROR
	local pid inode paths=()
	pid=$(enforcer)
	for inode in $(awk '$2 == 12 {print $NF}' "/proc/$pid/net/netlink"); do
		ls -l "/proc/$pid/fd" | grep -qF "socket:[$inode]" && paths+=(-P "socket:[$inode]")
	done
	strace -qq -p "$pid" "${paths[@]}" -e trace=sendto -e inject=sendto:error="$1":syscall=getpid:when=1..3 -o "$LAB_DIR/strace" 2>/dev/null &
	LAB_PID[strace]=$!
	lab_wait 60 eval 'grep -q "TracerPid:.[1-9]" "/proc/$(enforcer)/status"'
}
case_netlink_errors() {
	local error
	command -v strace >/dev/null || { echo "  netlink errors: strace is not installed (tests/packages.sh)"; return; }
	for error in ENOBUFS EPERM ENOMEM EAGAIN; do
		inject $error
		changes 6
		check "$round: $error was injected" lab_wait 60 grep -q "$error.*INJECTED" "$LAB_DIR/strace"
		lab_stop strace
		check "$round: the kernel answered $error for a while" lab_wait 60 whole
		check "$round: $error: the guard is the same" kill -0 "${LAB_PID[guard]}"
	done
}
# The guard's wall clock is what a file says; the clock that never steps, and the kernel's, go on.
case_clock_jumps() {
	local lib jump count=0
	lib=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null)
	[ -e "$lib" ] || { echo "  clock: libfaketime is not installed (tests/packages.sh); the unit test test_guard_clock stands alone"; return; }
	jumps_told() { [ "$(grep -c 'guard\.clock\.jump' "$LAB_DIR/guard.log")" -eq "$1" ]; }
	left() { nft_hv -j list set netdev bulkhead blocked | jq '[.nftables[].set.elem // empty | .[].elem.expires] | max // 0'; }
	kill_guard
	echo '+0' >"$LAB_DIR/faketime"
	chmod 644 "$LAB_DIR/faketime"
	cast_as="env LD_PRELOAD=$lib FAKETIME_TIMESTAMP_FILE=$LAB_DIR/faketime FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1"
	start_guard
	cast_as=
	bulkhead block vm5 --reason clock --for 1h >/dev/null
	for jump in -2h +0 +3d +0; do
		echo "$jump" >"$LAB_DIR/faketime"
		check "clock to $jump: noticed and told" lab_wait 60 jumps_told $((++count))
		check "clock to $jump: kernel = database" lab_wait 60 whole
		check "clock to $jump: no element stands for longer than its block" [ "$(left)" -le 3605 ]
		changes 3
		check "clock to $jump: decisions go on" lab_wait 60 whole
	done
	check "clock: decisions of the time ahead last no longer" [ "$(left)" -le 3605 ]
	kill_guard
	start_guard
	check "clock: a guard by the right clock again" lab_wait 60 whole
}

lab_need
command -v jq >/dev/null || { echo "skipped: jq is not installed"; exit 77; }
lab_begin bridged 5 && lab_tenant one || exit 1
agree_links
cast_config "$LAB_DIR/bulkhead.conf" enforce
start_guard || exit 1
agree_inventory || exit 1
changes 20
check "kernel = database at the beginning" lab_wait 60 agrees
rules_before=$(rules)

for ((round = 0; round < rounds; round++)); do
	during kill_guard
	start_guard
	check "$round: judge killed amid changes" lab_wait 60 whole

	during kill -KILL $(child)
	lab_wait 60 eval '! kill -0 "${LAB_PID[guard]}"'
	check "$round: the guard ends with its enforcer" eval '! kill -0 "${LAB_PID[guard]}" 2>/dev/null'
	kill_guard
	start_guard
	check "$round: enforcer killed amid changes" lab_wait 60 whole

	hung=$(child)
	kill -STOP $hung
	begin=$SECONDS
	verb
	took=$((SECONDS - begin))
	# Its answer is waited for for two seconds (policy/enforce.c).
	check "$round: a hung enforcer delays a person by some seconds at most ($took s)" [ $took -le 20 ]
	nft_hv delete table netdev bulkhead
	nft_hv flush set inet bulkhead blocked
	kill -CONT $hung
	check "$round: hung, and robbed meanwhile" lab_wait 60 whole

	for wipe in "flush ruleset" "delete table bridge bulkhead" "flush chain inet bulkhead brake" "flush set bridge bulkhead blocked" \
		"delete chain netdev bulkhead $(nft_hv list chains netdev | grep -o 'door_[0-9]*' | head -n 1)"; do
		during nft_hv $wipe
		check "$round: $wipe amid changes" lab_wait 60 whole
	done

	case_hung_judge

	case_netlink_errors

	during eval 'ip -n "$LAB-hv" link del vnet2; ip -n "$LAB-hv" link add vnet2 type veth peer name peer2'
	rules_before=$(lab_wait 60 hooked; rules)
	check "$round: a link that dies and comes back amid changes" lab_wait 60 whole
done

case_clock_jumps

begin=${EPOCHREALTIME/./}
changes $((rounds * 50))
echo "  $((rounds * 50)) changes in $(((${EPOCHREALTIME/./} - begin) / 1000)) ms, one process each"
check "verdicts that change as fast as they can" lab_wait 60 whole
storm() { lab_in hv timeout 300 python3 "$here/ctl_storm.py" "$LAB_DIR/run/ctl.sock" $servers $1; }
bulkhead release --all --reason storm >/dev/null 2>&1
figure=$(storm $((rounds * 1000)))
echo "  $figure; load $(cut -d' ' -f1 /proc/loadavg)"
check "a storm of verdicts over one connection" grep -q ' taken 0 refused' <<<"$figure"
check "and kernel = database behind it" lab_wait 60 whole
check "the ledger's chain is whole" bulkhead ledger verify
lab_summary
