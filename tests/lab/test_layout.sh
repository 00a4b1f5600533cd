#!/bin/bash
# SPDX-License-Identifier: ISC
# A guard of another version comes, whose sets have the same names and other keys or flags, and goes again: the tables
# are exchanged with all that ought to stand in one transaction, while a blocked server tries all the time.
# test_layout.sh BUILD
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
LAB=${LAB:-lay$$}
. "$here/lab.sh"
. "$here/postfix.sh"
. "$here/cast.sh"
tcp=$here/tcp.py

nft_hv() { lab_in hv nft "$@"; }
sees() { [ "$(lab_in "$1" python3 "$tcp" try "$(lab_mx4 1)" 25)" = "$2" ]; }
blocked() { nft_hv -j list set "$1" bulkhead blocked 2>/dev/null | grep -q '"vnet1"'; }
stands() { blocked netdev && blocked inet && blocked bridge; }
# The ruleset of another version: it blocks the same server by other sets, in each table with a chain of its own.
# another TYPE ELEMENT MATCH [FLAGS]
another() {
	local family device='' hook=prerouting
	echo "delete table inet bulkhead; delete table bridge bulkhead; delete table netdev bulkhead"
	for family in inet bridge netdev; do
		[ $family != netdev ] || device='device "vnet1"' hook=ingress
		cat <<-EOF
			table $family bulkhead {
				set blocked { type $1; ${4:-} elements = { $2 } }
				chain smtp { $3 @blocked counter drop; }
				chain brake { counter; }
				chain net { type filter hook $hook $device priority -310; tcp dport 25 jump smtp; }
			}
		EOF
	done
}

lab_need
for kind in bridged routed; do
	lab_begin $kind 3 && lab_tenant shop && lab_tenant news || exit 1
	lab_start ext mx python3 "$tcp" serve 25
	lab_wait_listen ext 25 || exit 1
	cast_config "$LAB_DIR/bulkhead.conf" enforce
	cast_guard || exit 1
	cast_inventory "$LAB_DIR/servers.csv" shop news
	bulkhead server import "$LAB_DIR/servers.csv" >/dev/null || exit 1
	bulkhead block shop --reason upgrade --for 2h >/dev/null
	check "$kind: blocked" lab_wait 60 sees shop refused
	# What arrives is counted where it arrives.
	lab_in ext nft "add table inet seen; add chain inet seen in { type filter hook prerouting priority -400; }
		add rule inet seen in ip saddr $(lab_addr4 shop) tcp dport 25 counter"
	arrived() { lab_in ext nft list chain inet seen in | grep -oE 'packets [0-9]+' | cut -d' ' -f2; }
	lab_start shop flood "$build/tests/lab/stream" "$(lab_mx4 1)" 25
	tries() { tail -n 1 "$LAB_DIR/flood.log" | grep -oE '^[0-9]+' || echo 0; }
	check "$kind: it tries all the time" lab_wait 60 eval '[ "$(tries)" -gt 1000 ]'

	while read -r name type element match flags; do
		match=${match//|/ } flags=${flags:-} flags=${flags//|/ }
		# Down to the other version: its own transaction, made here.  Up again: ours.
		lab_stop guard KILL
		another "$type" "$element" "$match" "$flags" | nft_hv -f - || check "$kind, $name: the other version's rules load" false
		before=$(tries)
		cast_guard || check "$kind, $name: the guard starts on them" false
		check "$kind, $name: our tables stand with the block" lab_wait 60 stands
		check "$kind, $name: with our sets" eval "nft_hv list set inet bulkhead blocked | grep -q 'type ifname'"
		check "$kind, $name: another server is untouched" lab_wait 60 sees news open
		check "$kind, $name: it tried meanwhile" lab_wait 60 eval '[ "$(tries)" -gt $((before + 100)) ]'
		check "$kind, $name: nothing of it arrived" [ "$(arrived)" -eq 0 ]
		# The same under a running guard: somebody puts his tables in the place of ours.
		another "$type" "$element" "$match" "$flags" | nft_hv -f -
		check "$kind, $name, under a running guard: our tables stand again" lab_wait 60 stands
		check "$kind, $name, under a running guard: nothing of it arrived" [ "$(arrived)" -eq 0 ]
	done <<-EOF
		address ipv4_addr $(lab_addr4 shop) ip|saddr
		map-of-mac ether_addr $(lab_mac shop) ether|saddr
		interval ifname "vnet1" iifname flags|interval;
		no-timeout ifname "vnet1" iifname
		sized ifname "vnet1" iifname size|65535;flags|timeout;
	EOF
	echo "  $(tries) tries, $(arrived) arrived"

	# And when nobody is blocked, the other version's tables go all the same.
	bulkhead release shop --reason upgrade >/dev/null
	lab_stop flood
	lab_stop guard KILL
	another ipv4_addr "$(lab_addr4 shop)" "ip saddr" | nft_hv -f -
	cast_guard
	check "$kind: what another version blocked and the database does not is open" lab_wait 60 sees shop open
	check "$kind: and the brake is ours" eval "nft_hv list chain inet bulkhead brake | grep -q goto"
	lab_end
done
lab_summary
