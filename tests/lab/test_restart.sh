#!/bin/bash
# SPDX-License-Identifier: ISC
# Guard and sensor under a service manager (supervise.py, by the unit files): each of their processes is killed again
# and again, by itself, while a blocked tenant tries to connect as fast as it can and another one works.  No try of the
# blocked one may pass, no try of the other may fail, and after each kill all is as it was.
# test_restart.sh BUILD      RESTART_ROUNDS=N (make soak: 20)
set -u
here=$(cd "$(dirname "$0")" && pwd)
tree=$(realpath "$here/../..")
build=$(realpath "${1:-build}")
LAB=${LAB:-rsr$$}
. "$here/lab.sh"
. "$here/postfix.sh"
. "$here/cast.sh"
tcp=$here/tcp.py
rounds=${RESTART_ROUNDS:-2}

supervise() { # UNIT
	lab_start hv "$1" python3 "$here/supervise.py" "$tree/systemd/bulkhead-$1.service" "$build/bulkhead-$1" --config "$LAB_DIR/bulkhead.conf"
}
events() { grep -cE "^$2" "$LAB_DIR/$1.log"; }
more() { [ "$(events "$1" "$2")" -gt "$3" ]; }
main_pid() { sed -n 's/^started //p' "$LAB_DIR/$1.log" | tail -n 1; }
child() { local c; for c in $(pgrep -P "$(main_pid guard)"); do grep -qx "$1" "/proc/$c/comm" && echo "$c"; done; }
others() { local c; for c in $(pgrep -P "$(main_pid guard)"); do grep -qx bulkhead-enforc "/proc/$c/comm" || grep -q '^State:.Z' "/proc/$c/status" || echo "$c"; done; }
status() { bulkhead status --json 2>/dev/null | jq -e "$1" >/dev/null; }
connected() { status '[.sensors[] | .connected] | any'; }
stands() { # in every table that the kernel has
	local f
	for f in netdev inet bridge; do lab_in hv nft list set $f bulkhead blocked | grep -q '"vnet1".*case=bh-' || return 1; done
}
whole() { stands && status '.enforcer.pid > 0' && [ "$(status_case)" = "$case" ]; }
status_case() { bulkhead status --json | jq -r '.blocked[0].case'; }
probe() { # NAME LABEL: until the file "stop" exists
	lab_start "$1" "$2" python3 "$tcp" probe "$(lab_mx4 3)" 25 "$LAB_DIR/stop"
}

ended() { [ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }
# kill_one UNIT LABEL PID COMES-BACK
kill_one() {
	local unit=$1 label=$2 pid=$3 again=$4 before
	before=$(events "$unit" ready)
	[ -n "$pid" ] || { check "$round: there is a $label to kill" false; return; }
	kill -KILL "$pid"
	if [ "$again" = yes ]; then
		check "$round: $label killed: $unit is ready again" lab_wait 60 more "$unit" ready "$before"
	else
		check "$round: $label killed: $unit goes on without it" eval 'lab_wait 60 ended $pid && [ "$(events $unit ready)" -eq $before ]'
	fi
	check "$round: $label killed: the block stands, with its case" lab_wait 60 whole
	check "$round: $label killed: the sensor is heard" lab_wait 60 connected
}

lab_need
command -v jq >/dev/null || { echo "skipped: jq is not installed"; exit 77; }
lab_begin bridged 5 && lab_tenant shop && lab_tenant news || exit 1
lab_start ext mx python3 "$tcp" serve 25
lab_wait_listen ext 25 || exit 1
cast_config "$LAB_DIR/bulkhead.conf" enforce
supervise guard
check "the guard is ready" lab_wait 60 more guard ready 0
supervise sensor
check "the sensor is ready" lab_wait 60 more sensor ready 0
cast_inventory "$LAB_DIR/servers.csv" shop news
bulkhead server import "$LAB_DIR/servers.csv" >/dev/null
bulkhead mode observe --server news >/dev/null # it will connect more often than an honest server does
check "a server is blocked" bulkhead block shop --reason test --for 2h
case=$(status_case)
check "it stands" lab_wait 60 whole

probe shop blocked
probe news other
for ((round = 0; round < rounds; round++)); do
	kill_one guard judge "$(main_pid guard)" yes
	kill_one guard enforcer "$(child bulkhead-enforc)" yes
	kill_one sensor sensor "$(main_pid sensor)" yes
done
round=once
for label in "history writer" spawner; do # in the order of their start, and the guard goes on without them
	pid=$(others | head -n 1)
	kill_one guard "another child ($label)" "$pid" no
done
# Restarts one right after the other: the service manager must not give up.
for ((i = 0; i < 6; i++)); do
	before=$(events guard started)
	kill -KILL "$(main_pid guard)"
	lab_wait 60 more guard started "$before"
done
check "killed six times as soon as it starts: the service manager goes on" lab_wait 60 whole
check "it never gave up" eval '! grep -q start-limit "$LAB_DIR/guard.log" "$LAB_DIR/sensor.log"'
# Nor is an enforcer waited for that does not answer at all.
before=$(events guard ready)
hung=$(child bulkhead-enforc)
kill -STOP "$hung"
check "an enforcer that hangs for good ends its guard, and both come back" lab_wait 200 more guard ready "$before"
kill -CONT "$hung" 2>/dev/null # unless it ended with its judge
check "the block stands then, and the one that hung is gone" lab_wait 60 eval 'whole && [ ! -e "/proc/$hung" ]'
# One that hangs does not pet the watchdog.
before=$(events guard ready)
kill -STOP "$(main_pid guard)"
check "a judge that hangs is ended by the watchdog and comes back" lab_wait 200 more guard ready "$before"
check "the block stands then, too" lab_wait 60 whole
touch "$LAB_DIR/stop"
wait "${LAB_PID[blocked]}" "${LAB_PID[other]}"
echo "  blocked: $(cat "$LAB_DIR/blocked.log"); not blocked: $(cat "$LAB_DIR/other.log"); restarts: $(events guard started) of the guard, $(events sensor started) of the sensor"
check "no try of the blocked server passed, of thousands" grep -qE '^0 opened of [0-9]{4,}' "$LAB_DIR/blocked.log"
check "no try of the other failed" eval 'read -r opened _ _ tried _ <"$LAB_DIR/other.log"; [ "$opened" = "$tried" ] && [ "$opened" -gt 1000 ]'
check "the ledger's chain is whole" bulkhead ledger verify
lab_summary
