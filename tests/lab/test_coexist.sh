#!/bin/bash
# SPDX-License-Identifier: ISC
# Beside the rules of libvirt, Proxmox, firewalld and Docker: our blocks hold, and theirs are what they were, byte
# for byte.  test_coexist.sh BUILD
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
LAB=${LAB:-coe$$}
. "$here/lab.sh"
. "$here/driver.sh"
tcp=$here/tcp.py

sees() { is "$(lab_in "$1" python3 "$tcp" try "$2" 25)" "$3"; }
theirs() { # without our tables, and without counters
	nft_hv -s list ruleset | awk '/^table /{ ours = $3 == "bulkhead" } !ours'
}

lab_need
for kind in bridged routed; do
	lab_begin $kind 5 && lab_tenant shop && lab_tenant news || exit 1
	lab_start ext mx python3 "$tcp" serve 25
	lab_start shop mail python3 "$tcp" serve 25
	lab_wait_listen ext 25 && lab_wait_listen shop 25 || exit 1
	for rules in "$here"/rulesets/*.nft; do
		name=$(basename "$rules" .nft)
		nft_hv flush ruleset
		nft_hv -f "$rules" || { check "$kind, $name: the recorded rules load" false; continue; }
		before=$(theirs)
		start_enforcer bulkhead 'glob=vnet*' relay="$(lab_mx4 4)" || exit 1
		tell beat 2m armed
		check "$kind, $name: mail flows beside them" sees shop "$(lab_mx4 3)" open
		tell block vnet1 1h bh-coexist
		check "$kind, $name: a block holds over IPv4" sees shop "$(lab_mx4 3)" refused
		check "$kind, $name: and over IPv6" sees shop "$(lab_mx6 3)" refused
		check "$kind, $name: a relay stays reachable" sees shop "$(lab_mx4 4)" open
		check "$kind, $name: another server is untouched" sees news "$(lab_mx4 3)" open
		check "$kind, $name: mail is received" sees ext "$(lab_addr4 shop)" open
		tell replace vnet1
		nft_hv delete table netdev bulkhead
		check "$kind, $name: repaired beside them" lab_wait 60 sees shop "$(lab_mx4 3)" refused
		tell release vnet1
		check "$kind, $name: released" sees shop "$(lab_mx4 3)" open
		check "$kind, $name: their rules are as they were" is "$(theirs)" "$before"
		# Theirs may be reloaded, with a flush in front, as their services do.
		tell block vnet1 1h bh-coexist
		{ echo "flush ruleset"; cat "$rules"; } | nft_hv -f -
		check "$kind, $name: a reload of theirs with a flush opens nothing for long" lab_within 1 sees shop "$(lab_mx4 3)" refused
		check "$kind, $name: and theirs stand" is "$(theirs)" "$before"
		stop_enforcer
	done
	lab_end
done
lab_summary
