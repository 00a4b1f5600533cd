#!/bin/bash
# SPDX-License-Identifier: ISC
# The brake in the kernel: what a tenant at full speed gets through while user space is dead, and who is spared.
# test_brake.sh BUILD
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
LAB=${LAB:-brk$$}
. "$here/lab.sh"
. "$here/driver.sh"
seconds=${BRAKE_SECONDS:-5}

# blast NAME SECONDS smtp-source-options: how many messages a sink of its own counts in that time.
blast() {
	local name=$1 span=$2
	shift 2
	lab_start ext sink smtp-sink -u nobody -c "$(lab_mx4 2):25" 1000
	lab_wait_listen ext 25
	lab_in "$name" timeout -s KILL "$span" smtp-source "$@" -m 1000000 -f a@t1.example -t b@e.example "$(lab_mx4 2):25" >/dev/null 2>&1
	count_sink
	echo "  $delivered messages in $span s: $name, smtp-source $*"
}
count_sink() {
	lab_stop sink
	delivered=$(tr '\r' '\n' <"$LAB_DIR/sink.log" | grep -o 'mesg=[0-9]*' | tail -n 1)
	delivered=${delivered#mesg=}
	delivered=${delivered:-0}
}
# flows NAME COUNT smtp-source-options: so many messages get through, however long that takes here.  What the strict
# brake or a throttle lets through in that minute are a few dozen.
flows() {
	local name=$1 count=$2
	shift 2
	lab_start ext sink smtp-sink -u nobody -c "$(lab_mx4 2):25" 1000
	lab_wait_listen ext 25
	lab_in "$name" timeout -s KILL 60 smtp-source "$@" -m "$count" -f a@t1.example -t b@e.example "$(lab_mx4 2):25" >/dev/null 2>&1
	count_sink
	echo "  $delivered of $count messages: $name, smtp-source $*"
	[ "$delivered" -eq "$count" ]
}
at_most() { [ "$delivered" -le "$1" ] && [ "$delivered" -ge "${2:-1}" ]; }
state_is() { tell state && grep -qE "$1" <<<"$answer"; }
# Meters begin anew, as after an hour without mail.
fresh() {
	local family level
	for family in netdev bridge inet; do
		for level in loose strict slow seen; do nft_hv flush set $family bulkhead $level; done
	done
}

case_strict() {
	tell beat 0 armed
	check "$kind: armed, and no heartbeat yet" state_is 'alive_ms=0 armed=1 dropped=0'
	for options in "-d -s 1 -l 4000" "-s 1 -l 4000" "-d -s 10 -l 4000" "-d -s 10 -l 100" "-s 20 -l 4000"; do
		fresh
		blast news "$seconds" $options
		check "$kind: user space is dead: at most 60 messages ($options)" at_most 60 0
	done
	check "$kind: what was dropped is counted" state_is 'dropped=[1-9]'
	fresh
	blast shop 2 -d -s 1 -l 4000
	check "$kind: another server has a meter of its own" at_most 60 5
	# The meters belong to interfaces: as many source addresses as you like are one source.
	check "$kind: one element per interface" is "$(nft_hv -j list set netdev bulkhead strict | jq '[.nftables[].set.elem // empty] | flatten | length')" 1
}

case_loose() {
	fresh
	tell beat 2m armed
	check "$kind: the heartbeat loosens the brake" state_is 'alive_ms=1[0-9]{5} armed=1'
	check "$kind: loose: hundreds pass" flows news 300 -d -s 1 -l 4000
	fresh
	tell beat 1s armed
	check "$kind: a heartbeat that is not renewed ends" lab_wait 60 state_is 'alive_ms=0'
	blast news 2 -d -s 1 -l 4000
	check "$kind: and the brake is strict" at_most 60
}

case_sets() {
	tell beat 2m armed
	fresh
	check "$kind: throttle" tell throttle vnet2 1h
	blast news 3 -d -s 1 -l 4000
	check "$kind: a throttled server gets a few through" at_most 12
	check "$kind: unthrottle" tell unthrottle vnet2
	fresh
	check "$kind: and it flows again" flows news 300 -d -s 1 -l 4000
	tell beat 1s armed
	lab_wait 60 state_is 'alive_ms=0'
	fresh
	check "$kind: grant" tell grant vnet2 1h
	check "$kind: a granted server is not held by the dead heartbeat" flows news 1000 -d -s 1 -l 4000
	nft_hv flush set netdev bulkhead granted
	check "$kind: an element of a grant that was taken away comes back" lab_wait 60 granted_stands
	check "$kind: a grant ends by its time" tell grant vnet2 1s
	lab_wait 60 no_grant
	fresh
	blast news 2 -d -s 1 -l 4000
	check "$kind: and the brake holds again" at_most 60
	check "$kind: an observed server" tell observe vnet2
	fresh
	check "$kind: is only counted" flows news 2000 -d -s 1 -l 4000
	check "$kind: visibly" state_is 'counted=[1-9]'
	tell replace
}
granted_stands() { tell list && grep -q '^element granted vnet2' <<<"$answer"; }
no_grant() { ! granted_stands; }

case_observe() {
	tell beat 0 counting
	fresh
	check "$kind: in observe mode" state_is 'armed=0'
	check "$kind: nothing is braked" flows news 2000 -d -s 1 -l 4000
	check "$kind: but a server may be enforced alone" tell brake vnet2
	fresh
	blast news 2 -d -s 1 -l 4000
	check "$kind: and is" at_most 60
	tell replace
}

# The brake outlives everything: the child, and somebody who wipes the tables while it lives.
case_dead() {
	tell beat 199s armed
	nft_hv flush ruleset
	check "$kind: after a flush the heartbeat stands again" lab_wait 60 state_is 'alive_ms=1[0-9]{5} armed=1'
	kill -KILL "$child"
	told gone
	stop_enforcer
	check "$kind: a restart within the heartbeat's time trips nothing" flows news 300 -d -s 1 -l 4000
	check "$kind: the next child finds the heartbeat" start_enforcer bulkhead 'glob=vnet*'
	check "$kind: as it was" state_is 'alive_ms=1[0-9]{5} armed=1'
	tell beat 1s armed
	kill -KILL "$child"
	told gone
	stop_enforcer
	nft_hv flush ruleset 2>/dev/null
	start_enforcer bulkhead 'glob=vnet*'
	tell beat 1s armed
	kill -KILL "$child"
	told gone
	stop_enforcer
	lab_wait 2 false
	lab_unplug vnet2
	lab_plug news vnet2 && lab_wait_reach news
	blast news 3 -d -s 5 -l 4000
	check "$kind: a tap that appears while everything is dead is braked by the net" at_most 60 0
	start_enforcer bulkhead 'glob=vnet*'
}

# A server without an interface of its own (here: its tap matches no pattern and is named nowhere).
case_address() {
	stop_enforcer
	nft_hv flush ruleset
	start_enforcer bulkhead 'glob=nosuch*' || return 1
	tell beat 0 armed
	check "$kind: a server that nobody knows is not braked" flows news 2000 -d -s 1 -l 4000
	tell brake "$(lab_addr4 news)"
	blast news 3 -d -s 5 -l 4000
	check "$kind: one that is known by its address is" at_most 60 0
	tell throttle "$(lab_addr4 shop)" 1h
	blast shop 3 -d -s 1 -l 4000
	check "$kind: and can be throttled by it" at_most 12
}

# More sources than the meters have room for: interfaces fail closed; addresses pass, are counted where they came in,
# and told; nobody else suffers.
case_full() {
	stop_enforcer
	nft_hv flush ruleset
	start_enforcer bulkhead 'glob=vnet*' meters=1,65536 || { check "$kind: tiny meters" false; return 1; }
	tell beat 0 armed
	blast shop 2 -d -s 1 -l 4000
	check "$kind: the meter of the one link there is room for" at_most 60 5
	blast news 2 -d -s 1 -l 4000
	check "$kind: a link without room passes nothing" at_most 0 0
	check "$kind: and is counted as dropped" state_is 'dropped=[1-9][0-9]*'
	stop_enforcer
	nft_hv flush ruleset
	start_enforcer bulkhead 'glob=nosuch*' meters=16,65536 || { check "$kind: small meters" false; return 1; }
	tell beat 0 armed
	check "$kind: 131,072 servers become known by their addresses" eval 'tell brakenet 10.1 && tell brakenet 10.2'
	echo "  $answer"
	check "$kind: no meter is full yet" state_is 'overflow=0'
	lab_in shop timeout 120 python3 "$here/spoof.py" eth0 "$(lab_in shop cat /sys/class/net/eth0/address)" \
		"$(gateway_mac)" "$(lab_mx4 3)" 10.1.0.0 100000 || check "$kind: 100,000 sources send" false
	check "$kind: 100,000 sources: those beyond the meters' room are counted" lab_wait 60 state_is 'overflow=3[0-9]{4} '
	echo "  $answer"
	check "$kind: the meters hold what they have room for" [ "$(held)" -le 65536 ]
	check "$kind: with the link where they came in" grep -qE 'overflow=[0-9]+ [a-z]' <<<"$answer"
	tell beat 0 armed
	check "$kind: and it is told, once" eval 'told "overflow .*packets passed unmetered" && tell beat 0 armed && [ "$(grep -c "^news overflow" "$news")" = 1 ]'
	tell brake "$(lab_addr4 news)"
	check "$kind: who found no room is let pass, not shut out" flows news 300 -d -s 1 -l 4000
}
gateway_mac() {
	if [ $kind = bridged ]; then lab_in ext cat /sys/class/net/eth0/address; else lab_in hv cat "/sys/class/net/$(lab_port shop)/address"; fi
}
held() { nft_hv -j list set inet bulkhead met4 2>/dev/null | python3 -c 'import json,sys; print(max([len(x["set"].get("elem", [])) for x in json.load(sys.stdin)["nftables"] if "set" in x] or [0]))'; }

lab_need
command -v smtp-sink >/dev/null || { echo "smtp-sink (postfix) is missing: run tests/packages.sh test"; exit 1; }
for kind in bridged routed; do
	lab_begin $kind 5 && lab_tenant shop && lab_tenant news || { echo "FAIL the $kind lab cannot be made"; exit 1; }
	start_enforcer bulkhead 'glob=vnet*' || exit 1
	for case in strict loose sets observe dead address; do whole_case $case; done
	[ $kind = bridged ] || whole_case full
	stop_enforcer
	lab_end
done
lab_summary
