# shellcheck shell=bash
# SPDX-License-Identifier: ISC
# Whether the kernel holds what the database says, and what breaks a guard: source after lab.sh and cast.sh; the
# servers vm1 .. vm$servers have the links vnet1 .. in the hypervisor.

nft_hv() { lab_in hv nft "$@"; }
# What the database says must stand, and what stands, as "vnetN case" lines.
wanted() {
	python3 -c 'import sqlite3, sys
db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True, timeout=5)
for server, case in db.execute("SELECT server, case_id FROM block_case WHERE end_ns = 0 AND shadow = 0"):
    if int(server[2:]) <= int(sys.argv[2]): print("vnet" + server[2:], case)' "$LAB_DIR/state/guard.db" $servers | sort
}
standing() { # FAMILY
	nft_hv -j list set "$1" bulkhead blocked 2>/dev/null |
		jq -r '.nftables[].set.elem // empty | .[].elem | .val + " " + (.comment | ltrimstr("case="))' | sort
}
agrees() {
	local want family
	want=$(wanted) || return 1
	for family in netdev inet bridge; do [ "$(standing $family)" = "$want" ] || return 1; done
}
# Also the rules: every tap has its door, and the chains are those of the beginning.
rules() { nft_hv -s list ruleset | grep -vE '^\s*(elements|"|[a-z0-9]+ (timeout|expires))' | grep -E 'table|chain|hook|goto|reject|drop|accept' | sort; }
whole() { [ "$(rules)" = "$rules_before" ] && agrees; }
# A tap that came has its elements and its door in one go or in two: the rules are whole again when no tap lacks one.
hooked() {
	local ports
	ports=$(ip -n "$LAB-hv" -o link show type veth | grep -o 'vnet[0-9]*' | sort -u)
	[ "$(nft_hv list chains netdev | grep 'hook ingress' | grep -o 'vnet[0-9]*' | sort -u)" = "$ports" ] && agrees
}

start_guard() { cast_guard >/dev/null || tail -n 5 "$LAB_DIR/guard.log"; }
child() { pgrep -P "${LAB_PID[guard]}"; }
enforcer() { local c; for c in $(child); do grep -qx bulkhead-enforc "/proc/$c/comm" && echo "$c"; done; }
kill_guard() {
	kill -KILL "${LAB_PID[guard]}" 2>/dev/null
	wait "${LAB_PID[guard]}" 2>/dev/null
	unset 'LAB_PID[guard]'
}

agree_links() { local i; for ((i = ${1:-2}; i <= servers; i++)); do echo "link add vnet$i type veth peer name peer$i"; done | ip -n "$LAB-hv" -batch -; }
agree_inventory() {
	local i
	{
		echo "server,tenant,plan,virtualization,interfaces,macs,addresses"
		for ((i = 1; i <= servers; i++)); do echo "vm$i,t$i,,kvm,vnet$i,,203.0.113.$i"; done
	} >"$LAB_DIR/servers.csv"
	bulkhead server import "$LAB_DIR/servers.csv" >/dev/null
}
