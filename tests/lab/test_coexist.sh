#!/bin/bash
# SPDX-License-Identifier: ISC
# Beside the rules of libvirt, Proxmox, firewalld, Docker, Incus, Neutron, ufw and nftables.service: our blocks hold, and
# theirs are what they were, byte for byte.  test_coexist.sh BUILD
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

standing() { local f; for f in netdev inet bridge; do nft_hv list set $f bulkhead blocked 2>/dev/null | grep -q '"vnet1"' || return 1; done; }
sent() { tail -n 1 "$LAB_DIR/stream.log" 2>/dev/null | grep -oE '^[0-9]+' || echo 0; }
arrived() { lab_in ext nft list chain inet seen in | grep -oE 'packets [0-9]+' | cut -d' ' -f2; }

lab_need
for kind in bridged routed; do
	lab_begin $kind 5 && lab_tenant shop && lab_tenant news || exit 1
	lab_start ext mx python3 "$tcp" serve 25
	lab_start shop mail python3 "$tcp" serve 25
	lab_wait_listen ext 25 && lab_wait_listen shop 25 || exit 1
	lab_in ext nft 'add table inet seen; add chain inet seen in { type filter hook prerouting priority -400; }'
	for rules in "$here"/rulesets/*.nft; do
		name=$(basename "$rules" .nft)
		nft_hv flush ruleset
		nft_hv -f "$rules" || { check "$kind, $name: the recorded rules load" false; continue; }
		before=$(theirs)
		driver_as="nice -n -15" # as in systemd/*.service
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
		# Theirs may be reloaded, with a flush in front, as their services do; the tenant sends 10,000 packets a second.
		tell block vnet1 1h bh-coexist
		lab_start shop stream "$build/tests/lab/stream" "$(lab_mx4 3)" 25
		lab_wait 60 eval '[ "$(sent)" -gt 0 ]'
		lab_in ext nft flush chain inet seen in
		lab_in ext nft add rule inet seen in ip saddr "$(lab_addr4 shop)" tcp dport 25 counter
		begin=${EPOCHREALTIME/./} from=$(sent)
		{ echo "flush ruleset"; cat "$rules"; } | nft_hv -f -
		check "$kind, $name: a reload of theirs with a flush: the table is back within a second" lab_within 1 standing
		opened=$(arrived)
		lab_wait 60 eval '[ "$(sent)" -gt $((from + 5000)) ]'
		rate=$((($(sent) - from) * 1000 / ((${EPOCHREALTIME/./} - begin) / 1000 + 1)))
		echo "  $name: $(arrived) packets passed at the reload, of $rate a second"
		check "$kind, $name: and none passes after that" is "$(arrived)" "$opened"
		check "$kind, $name: what passed is less than a second's" [ "$opened" -le "$rate" ]
		lab_stop stream
		check "$kind, $name: refused as before" sees shop "$(lab_mx4 3)" refused
		check "$kind, $name: and theirs stand" is "$(theirs)" "$before"
		stop_enforcer
	done
	lab_end
done
lab_summary
