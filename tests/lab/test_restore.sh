#!/bin/bash
# SPDX-License-Identifier: ISC
# A dead guard neither unblocks nor blocks for ever, and after a boot the blocks stand before guests start.
# test_restore.sh BUILD
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
LAB=${LAB:-rst$$}
. "$here/lab.sh"
. "$here/postfix.sh"
. "$here/cast.sh"
tcp=$here/tcp.py

try() { lab_in "$1" python3 "$tcp" try "$(lab_mx4 3)" 25; }
sees() { [ "$(try "$1")" = "$2" ]; }
# The door is hooked by the guard; until then the net holds, which only drops where the kernel cannot reject.
reaches() { lab_in "$1" python3 "$tcp" try "$(lab_mx4 3)" 9 | grep -q refused; }
stands() { lab_in hv nft list set netdev bulkhead blocked | grep -q "\"$1\""; }
kill_guard() { # as a crash does: both processes, no farewell
	local child
	child=$(pgrep -P "${LAB_PID[guard]}")
	kill -KILL "${LAB_PID[guard]}" $child
	wait "${LAB_PID[guard]}" 2>/dev/null
	unset 'LAB_PID[guard]'
}
restores() { lab_in hv timeout 120 "$build/bulkhead-guard" --config "$LAB_DIR/bulkhead.conf" --restore >"$LAB_DIR/restore.log" 2>&1 || { cat "$LAB_DIR/restore.log"; return 1; }; }

lab_need
for kind in bridged routed; do
	lab_begin $kind 5 && lab_tenant shop && lab_tenant news && lab_tenant guest || exit 1
	lab_start ext mx python3 "$tcp" serve 25
	lab_wait_listen ext 25
	cast_config "$LAB_DIR/bulkhead.conf" enforce
	cast_guard || exit 1
	cast_inventory "$LAB_DIR/servers.csv" shop news guest
	bulkhead server import "$LAB_DIR/servers.csv" >/dev/null || exit 1
	check "$kind: a short block" bulkhead block news --reason test --for 1m
	check "$kind: a long one" bulkhead block shop --reason test --for 2h
	check "$kind: both stand" eval 'stands vnet1 && stands vnet2'
	kill_guard
	check "$kind: a guard that is killed unblocks nobody" eval 'sees shop refused && sees news refused && sees guest open'
	check "$kind: the kernel knows when it ends" eval 'lab_in hv nft list set netdev bulkhead blocked | grep -qE "vnet2\".* expires (1m|[0-9]+s)"'

	# The boot: an empty kernel, no guest yet.
	lab_in hv nft flush ruleset
	lab_unplug vnet1
	check "$kind: restore" restores
	check "$kind: the block stands before its link does" stands vnet1
	check "$kind: who is not blocked is not in the set" eval '! stands vnet3'
	check "$kind: the brake is armed" eval 'lab_in hv nft list set netdev bulkhead holds | grep -q 8021q'
	lab_plug shop vnet1
	check "$kind: the guest comes up blocked, and no guard runs" eval 'lab_wait 60 reaches shop && ! sees shop open'
	check "$kind: restoring twice is no error" restores
	check "$kind: the ledger says so" eval 'cast_guard && bulkhead ledger show --json | jq -e "[.entries[].action] | index(\"guard.restore\")" >/dev/null'
	check "$kind: a running guard is not disturbed" eval '! restores >/dev/null && grep -q "another guard" "$LAB_DIR/restore.log"'
	check "$kind: it took over" eval 'stands vnet1 && bulkhead release shop --reason done && lab_wait 60 sees shop open'
	# Migration: away, to another tap, and back to the first one, which somebody else had meanwhile.
	bulkhead block shop --reason test --for 2h >/dev/null
	lab_unplug vnet1
	check "$kind: the server is gone, and its name with it" lab_wait 60 eval '! stands vnet1'
	lab_unplug vnet3
	sed -i 's/vnet1/vnet9/; s/vnet3/vnet1/' "$LAB_DIR/servers.csv"
	bulkhead server import "$LAB_DIR/servers.csv" >/dev/null
	lab_plug guest vnet1 && lab_wait_reach guest
	lab_plug shop vnet9 && lab_wait 60 reaches shop
	check "$kind: it comes back on another tap and is blocked there" lab_wait 60 sees shop refused
	check "$kind: who has its old tap is not" sees guest open
	lab_unplug vnet9
	lab_unplug vnet1
	sed -i 's/vnet1/vnet3/; s/vnet9/vnet1/' "$LAB_DIR/servers.csv"
	bulkhead server import "$LAB_DIR/servers.csv" >/dev/null
	lab_plug shop vnet1 && lab_wait 60 reaches shop
	lab_plug guest vnet3 && lab_wait_reach guest
	check "$kind: back on its first tap it still is" lab_wait 60 sees shop refused
	check "$kind: and the other is not" sees guest open
	# One minute, and five seconds of grace.
	check "$kind: and the short block of before ends" lab_wait 120 sees news open
	kill_guard
	lab_end
done
lab_summary
