#!/bin/bash
# SPDX-License-Identifier: ISC
# Whom a block hits, whatever the tenants and the links do: taps that change names, bridges and owners, tenants that
# send as somebody else; and with it a guard whose sensor hangs and dies, whose database is locked, or beside which a second
# one starts.  The internet counts what arrives at its port 25 (table "seen"), by source and MAC.  test_moves.sh BUILD
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
LAB=${LAB:-mov$$}
. "$here/lab.sh"
. "$here/postfix.sh"
. "$here/cast.sh"
tcp=$here/tcp.py
export TCP_PATIENCE_S=3

nft_hv() { lab_in hv nft "$@"; }
answer() { lab_in "$1" timeout 30 python3 "$tcp" try "$2" "${3:-25}"; }
opens() { [ "$(answer "$@")" = open ]; }
shut() { local r; r=$(answer "$@"); [ "$r" = refused ] || { echo "  got $r"; return 1; }; }
both_open() { opens "$1" "$(lab_mx4 3)" && opens "$1" "$(lab_mx6 3)"; }
both_shut() { shut "$1" "$(lab_mx4 3)" && shut "$1" "$(lab_mx6 3)"; }
soon() { lab_wait 60 "$@"; }
elements() { # FAMILY: "NAME CASE" of all that is blocked
	nft_hv -j list set "$1" bulkhead blocked | jq -r '.nftables[].set.elem // empty | .[].elem | .val + " " + (.comment | ltrimstr("case="))' | sort
}
# The kernel blocks these taps, each for the case of the server behind them, and nothing else.
blocked_are() { # PORT SERVER...
	local want='' f
	while [ $# -gt 0 ]; do want+="$1 $(cast_verdict "$2" case)"$'\n' && shift 2; done
	for f in netdev inet bridge; do [ "$(elements $f)" = "$(printf %s "$want" | sort)" ] || return 1; done
}
# Doors: as many as taps, each on a tap.
doors() { nft_hv list chains netdev | sed -n 's/.*hook ingress device "\([^"]*\)".*/\1/p' | sort | paste -sd' '; }
doors_are() { [ "$(doors)" = "$*" ]; }
# Where each server is plugged in: NAME=PORT...; the others where they were.
declare -A port_of=([shop]=vnet1 [news]=vnet2 [club]=vnet3)
inventory() {
	local pair n
	for pair in "$@"; do port_of[${pair%%=*}]=${pair#*=}; done
	echo "server,tenant,plan,virtualization,interfaces,macs,addresses" >"$LAB_DIR/servers.csv"
	for n in "${!port_of[@]}"; do
		echo "$n,$n-inc,,kvm,${port_of[$n]},$(lab_mac "$n"),$(lab_addr4 "$n");$(lab_net6 "$n")" >>"$LAB_DIR/servers.csv"
	done
	bulkhead server import "$LAB_DIR/servers.csv" >/dev/null
}
block() { bulkhead block "$1" --reason test --for 2h >/dev/null; }
release() { bulkhead release "$1" --reason test >/dev/null; }
ip_hv() { ip -n "$LAB-hv" "$@"; }
enforcer() { local c; for c in $(pgrep -P "${LAB_PID[guard]}"); do grep -qx bulkhead-enforc "/proc/$c/comm" && echo "$c"; done; }
wire() { # NAME PORT: as lab_plug does on a bridge
	ip -n "$LAB-$1" link set eth0 up
	ip_hv link set "$2" master br0 up
	ip -n "$LAB-$1" addr add "$(lab_addr4 "$1")/24" dev eth0
	ip -n "$LAB-$1" addr add "$(lab_addr6 "$1")/48" dev eth0 nodad
	ip -n "$LAB-$1" route add default via 192.0.2.1
	ip -n "$LAB-$1" route add default via 2001:db8::1
}
# The same addresses behind a hop: the guest's default route is the hypervisor, which knows its port and answers for it.
route_out() { # NAME PORT
	ip_hv addr add 169.254.1.1/32 dev "$2"
	ip_hv addr add fe80::1/64 dev "$2" nodad
	ip_hv route add "$(lab_addr4 "$1")/32" dev "$2"
	ip_hv route add "$(lab_addr6 "$1")/128" dev "$2"
	ip_hv neigh add proxy "$(lab_addr6 "$1")" dev br0
	lab_in hv sysctl -qw net.ipv6.conf.br0.proxy_ndp=1
	ip -n "$LAB-$1" route add 169.254.1.1 dev eth0
	ip -n "$LAB-$1" route replace default via 169.254.1.1 dev eth0
	ip -n "$LAB-$1" route replace default via fe80::1 dev eth0
	ip -n "$LAB-ext" neigh flush dev eth0
}
route_back() { # NAME PORT
	ip_hv addr flush dev "$2"
	ip_hv route del "$(lab_addr4 "$1")/32" dev "$2" 2>/dev/null
	ip_hv route del "$(lab_addr6 "$1")/128" dev "$2" 2>/dev/null
	ip_hv neigh del proxy "$(lab_addr6 "$1")" dev br0
	ip_hv link set "$2" master br0
	ip -n "$LAB-$1" route replace default via 192.0.2.1
	ip -n "$LAB-$1" -6 route del default
	ip -n "$LAB-$1" route add default via 2001:db8::1
	ip -n "$LAB-ext" neigh flush dev eth0
}

# --- links ---
case_rename() {
	block shop
	check "blocked" soon both_shut shop
	# The new name is that of no tap that is watched, and the inventory does not know it.
	ip_hv link set vnet1 name moved1
	check "renamed: no element is left under the old name" soon blocked_are
	inventory shop=moved1
	check "renamed: the block is where the server is" soon blocked_are moved1 shop
	check "renamed: and closes" both_shut shop
	# A new guest on the old name.
	ip_hv link set vnet3 name vnet1
	inventory club=vnet1
	check "its old name is another server's: that one is open" soon both_open club
	check "its old name is another server's: the block did not follow the name" both_shut shop
	check "each tap has its door" soon doors_are moved1 vnet1 vnet2
	# Two blocked, and they change their names with each other.
	block club
	check "both blocked" soon blocked_are moved1 shop vnet1 club
	ip_hv link set moved1 name other1
	ip_hv link set vnet1 name vnet3
	ip_hv link set other1 name vnet1
	inventory shop=vnet1 club=vnet3
	check "names exchanged: each block stands on its server's tap" soon blocked_are vnet1 shop vnet3 club
	check "names exchanged: and closes both" eval 'both_shut shop && both_shut club'
	release club
	check "names exchanged: releasing one leaves the other" eval 'soon both_open club && both_shut shop'
}

# Deleted and made again under the same name, with the same number, by another server, while the enforcer sleeps: it
# sees both at once.
case_recycle() {
	local index
	check "recycled: shop is blocked on vnet1" soon blocked_are vnet1 shop
	index=$(lab_in hv cat /sys/class/net/vnet1/ifindex)
	kill -STOP "$(enforcer)"
	ip_hv link del vnet1
	ip -n "$LAB-club" link del eth0
	ip_hv link add vnet1 index "$index" type veth peer name eth0 address "$(lab_mac club)" netns "$LAB-club"
	wire club vnet1
	inventory shop=vnet9 club=vnet1 & # it waits for the enforcer
	kill -CONT "$(enforcer)"
	wait $!
	port_of[shop]=vnet9 port_of[club]=vnet1 # that was a shell of its own
	check "recycled: nothing is blocked while shop is away" soon blocked_are
	check "recycled: another server on the same name and number is open" soon both_open club
	check "recycled: the door is there again" soon doors_are vnet1 vnet2
	block club
	check "recycled: and can be blocked" soon both_shut club
	# The server that is blocked comes on a new tap, of a name that no list of taps has.
	release club
	ip_hv link add wan9 type veth peer name eth0 address "$(lab_mac shop)" netns "$LAB-shop"
	wire shop wan9
	inventory shop=wan9
	check "another tap: the block waits for its server" soon both_shut shop
	check "another tap: and there is no other" soon blocked_are wan9 shop
}

# From bridge to bridge, and out of them: the same packets on other ways.
case_bridges() {
	ip_hv link add br1 type bridge forward_delay 0 mcast_snooping 0
	ip_hv link add toone type veth peer name totwo
	ip_hv link set toone master br0 up
	ip_hv link set totwo master br1 up
	ip_hv link set br1 up
	ip_hv link set wan9 master br1
	ip_hv link set vnet1 master br1
	check "other bridge: a neighbour there is open" soon both_open club
	check "other bridge: the block holds" both_shut shop
	# Routed: the hypervisor takes its port out and is the next hop.
	ip_hv link set wan9 nomaster
	ip_hv link set vnet1 nomaster
	lab_in hv sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.proxy_arp=1 net.ipv4.conf.br0.proxy_arp=1
	ip_hv addr add 192.0.2.250/24 dev br0
	ip_hv addr add 2001:db8::250/48 dev br0 nodad
	ip_hv route add default via 192.0.2.1
	ip_hv route add default via 2001:db8::1
	for n in shop club; do route_out $n "${port_of[$n]}"; done
	check "routed: a neighbour is open" soon both_open club
	check "routed: the block holds" both_shut shop
	release shop
	check "routed: and is why it was shut" soon both_open shop
	block shop
	check "routed: blocked again" soon both_shut shop
	for n in shop club; do route_back $n "${port_of[$n]}"; done
	check "back on its bridge: a neighbour is open" soon both_open club
	check "back on its bridge: the block holds" both_shut shop
}

# The sensor hangs while all of that happens, blocks and a grant come and go, and dies: nothing needed it but news.
heard() { bulkhead status --json | jq -e '[.sensors[] | select(.last_heard_s != null and .last_heard_s < 3)] | length >= 1' >/dev/null; }
granted_are() { [ "$(nft_hv -j list set netdev bulkhead granted | jq -r '.nftables[].set.elem // empty | .[].elem | .val' | sort | paste -sd' ')" = "$*" ]; }
sensor_hangs() {
	check "the sensor is heard" soon heard
	kill -STOP "${LAB_PID[sensor]}"
	check "it hangs, and is heard no more" soon eval '! heard'
}
case_sensor_returns() {
	printf 'server,domains,per_day,until,note\nclub,,300,2099-01-01,\n' >"$LAB_DIR/old.csv"
	check "without it: a grant is imported" bulkhead whitelist import "$LAB_DIR/old.csv"
	check "without it: and stands on its server's tap" soon granted_are "${port_of[club]}"
	block club
	check "without it: a block closes" soon both_shut club
	release club
	check "without it: and a release opens" soon both_open club
	kill -KILL "${LAB_PID[sensor]}"
	wait "${LAB_PID[sensor]}" 2>/dev/null
	unset 'LAB_PID[sensor]'
	check "without it: the guard is the same, and has the blocks it had" eval 'kill -0 "${LAB_PID[guard]}" && blocked_are "${port_of[shop]}" shop'
	cast_sensor || return 1
	check "a new sensor is heard" soon heard
}

# A blocked server as somebody else, and somebody else as it.
case_masks() {
	local mac
	inventory # everybody where the bridge is
	lab_in ext nft -f - <<-NFT
		table inet seen {
			chain in {
				type filter hook prerouting priority -400;
				tcp dport 25 ip saddr $(lab_addr4 news) ether saddr $(lab_mac shop) counter comment "shop-as-news"
				tcp dport 25 ip saddr $(lab_addr4 shop) ether saddr $(lab_mac news) counter comment "news-as-shop"
				tcp dport 25 ether saddr 52:54:00:00:00:77 counter comment "new-mac"
				tcp dport 25 ip6 saddr 2001:db8:0:1:abcd::99 counter comment "own-64"
				ip protocol { 4, 41, 47 } ip saddr $(lab_addr4 shop) counter comment "tunnels"
				udp dport 51820 ip saddr $(lab_addr4 shop) counter comment "wireguard"
			}
		}
	NFT
	# Each is shown to get through while shop may send, and then not.
	for round in open shut; do
		if [ $round = open ]; then release shop; else block shop; fi
		check "masks: shop is $round" soon both_$round shop
		lab_in ext nft reset rules >/dev/null 2>&1 || lab_in ext nft reset counters >/dev/null
		before=$(counts)
		# A neighbour's address, single packets and a stack that holds it.
		lab_in shop python3 "$here/spoof.py" eth0 "$(lab_mac shop)" "$(lab_in ext cat /sys/class/net/eth0/address)" "$(lab_mx4 3)" "$(lab_addr4 news)" 20
		# Another address of its own /64.
		ip -n "$LAB-shop" addr replace 2001:db8:0:1:abcd::99/128 dev eth0 nodad
		ip -n "$LAB-shop" route replace "$(lab_mx6 4)" via 2001:db8::1 src 2001:db8:0:1:abcd::99
		check "masks: another address of the own /64 is $round" is_$round shop "$(lab_mx6 4)"
		# Another MAC, with everything else its own.
		mac=$(lab_mac shop)
		ip -n "$LAB-shop" link set eth0 address 52:54:00:00:00:77
		lab_in shop python3 "$here/neighbour.py" claim eth0 52:54:00:00:00:77 "$(lab_addr4 shop)"
		check "masks: another MAC is $round" soon is_$round shop "$(lab_mx4 4)"
		ip -n "$LAB-shop" link set eth0 address "$mac"
		lab_in shop python3 "$here/neighbour.py" claim eth0 "$mac" "$(lab_addr4 shop)"
		lab_in shop python3 "$here/neighbour.py" claim eth0 "$mac" "$(lab_addr6 shop)"
		# Tunnels are no TCP to port 25, whatever is in them.
		lab_in shop python3 "$here/neighbour.py" tunnel "$(lab_mx4 5)" 51820 >/dev/null
		check "masks: shop is still $round" soon both_$round shop
		after=$(counts)
		for what in shop-as-news own-64 new-mac; do
			if [ $round = open ]; then
				check "masks: $what arrives while it may" [ "$(of "$after" $what)" -gt "$(of "$before" $what)" ]
			else
				check "masks: nothing of $what arrives" [ "$(of "$after" $what)" -eq "$(of "$before" $what)" ]
			fi
		done
		check "masks: $round: 4in4, GRE and 6in4 arrive" [ "$(of "$after" tunnels)" -eq $(($(of "$before" tunnels) + 3)) ]
		check "masks: $round: so does UDP to 51820" [ "$(of "$after" wireguard)" -eq $(($(of "$before" wireguard) + 1)) ]
	done
	check "masks: the neighbour whose address was used is open" both_open news
	check "masks: and its account has none of it" eval '[ "$(cast_verdict news verdict) $(cast_verdict news counts.spoofed)" = "clear 0" ]'
	check "masks: it is blocked for shop alone" blocked_are "${port_of[shop]}" shop
}
counts() { lab_in ext nft -j list chain inet seen in | jq -c '[.nftables[].rule // empty | {(.comment): ([.expr[].counter // empty | .packets] | add)}] | add'; }
of() { jq -r --arg what "$2" '.[$what]' <<<"$1"; }
is_open() { opens "$1" "$2"; }
is_shut() { shut "$1" "$2"; }

# From now on mail over IPv4 is taken by somebody who speaks SMTP.
to_the_sink() {
	lab_in ext nft add table inet mx '{ chain pre { type nat hook prerouting priority -100; meta nfproto ipv4 tcp dport 25 redirect to :2525; }; }'
}
# A neighbour takes the address of shop, with real connections, and sends a mailing from it: it is its own.
case_claimed() {
	release shop
	soon both_open shop || return 1
	to_the_sink
	ip -n "$LAB-shop" link set eth0 arp off # its owner does not answer for it
	ip -n "$LAB-news" addr add "$(lab_addr4 shop)/32" dev eth0
	ip -n "$LAB-news" route replace default via 192.0.2.1 src "$(lab_addr4 shop)"
	lab_in news python3 "$here/neighbour.py" claim eth0 "$(lab_mac news)" "$(lab_addr4 shop)"
	at_news() { ip -n "$LAB-ext" neigh show "$(lab_addr4 shop)" | grep -q "$(lab_mac news)"; }
	before=$(counts)
	for k in 1 2 3 4 5; do
		cast_is news block && break
		cast_send news "$(lab_mx4 $k):25" 20 a@news.example "reader@dest$k.example" -F "$LAB_DIR/mail" >/dev/null
	done
	check "claimed: the internet has the address at the neighbour's" at_news
	check "claimed: its mailing went out with it" [ "$(of "$(counts)" news-as-shop)" -gt "$(of "$before" news-as-shop)" ]
	check "claimed: who sent it is blocked" soon cast_is news block
	check "claimed: and told to have used another's address" soon eval '[ "$(cast_verdict news counts.spoofed)" -gt 0 ]'
	check "claimed: on its own tap, and nothing else is" soon blocked_are vnet2 news
	ip -n "$LAB-news" addr del "$(lab_addr4 shop)/32" dev eth0
	ip -n "$LAB-news" route replace default via 192.0.2.1
	ip -n "$LAB-shop" link set eth0 arp on
	lab_in shop python3 "$here/neighbour.py" claim eth0 "$(lab_mac shop)" "$(lab_addr4 shop)"
	check "claimed: the owner of the address is open" soon both_open shop
	check "claimed: and clear" eval '[ "$(cast_verdict shop verdict) $(cast_verdict shop counts.messages)" = "clear 0" ]'
	release news
}

# An address of two servers: refused with both names, and all stays.
case_shared_address() {
	block shop
	sed "s/,$(lab_addr4 news);/,$(lab_addr4 shop);$(lab_addr4 news);/" "$LAB_DIR/servers.csv" >"$LAB_DIR/shared.csv"
	check "an address of two servers is refused" eval '! bulkhead server import "$LAB_DIR/shared.csv" 2>"$LAB_DIR/refusal"'
	check "... with the line and both names" grep -q "shared.csv:[0-9]*: address $(lab_addr4 shop) belongs to both server .* and server .*; give it to one of them" "$LAB_DIR/refusal"
	check "... the block stands, and no other" eval 'soon blocked_are "${port_of[shop]}" shop && both_open news'
}

# A second guard, beside the first: one sentence, and not one handle of the ruleset is another.
ruleset() { nft_hv -a list ruleset | sed 's/ expires [^ ]*//; s/ timeout [^ ]*//; s/packets [0-9]* bytes [0-9]*//'; }
second() { # LABEL STATE RUN TABLE: its settings
	sed -e "s|^state_dir.*|state_dir = \"$2\"|" -e "s|^run_dir.*|run_dir = \"$3\"|" "$LAB_DIR/bulkhead.conf" >"$LAB_DIR/$1.conf"
	echo "table = \"$4\"" >>"$LAB_DIR/$1.conf"
}
case_second_guard() {
	local before how dir=$LAB_DIR
	before=$(ruleset)
	second same "$dir/state" "$dir/run" bulkhead
	second state "$dir/state2" "$dir/run" bulkhead
	second run "$dir/state" "$dir/run2" bulkhead
	second both "$dir/state2" "$dir/run2" bulkhead
	second table "$dir/state2" "$dir/run2" another
	for how in same state run both; do
		lab_in hv timeout 60 "$build/bulkhead-guard" --config "$dir/$how.conf" >"$dir/second.log" 2>&1
		check "a second guard ($how.conf) ends with 1" [ $? -eq 1 ]
		check "... with one sentence: $(cat "$dir/second.log")" eval '[ "$(wc -l <"$dir/second.log")" -eq 1 ] && grep -qE "another guard .*: stop it first" "$dir/second.log"'
	done
	check "the ruleset is what it was, to the handles" eval '[ "$(ruleset)" = "$before" ]'
	lab_start hv second "$build/bulkhead-guard" --config "$dir/table.conf"
	check "with a table of its own it starts" lab_wait_line 60 "$dir/second.log" 'guard\.ready'
	check "... and that would have been seen" eval '[ "$(ruleset)" != "$before" ]'
	lab_stop second
	for how in netdev inet bridge; do nft_hv delete table $how another; done
	# Somebody who is no guard took the name of its lock: told, and it starts.
	lab_start hv squat python3 -c 'import os, pwd, socket, time
os.setuid(pwd.getpwnam("nobody").pw_uid)
s = socket.socket(socket.AF_UNIX)
s.bind("\0bulkhead-guard/another")
s.listen(1)
print("bound", flush=True)
time.sleep(600)'
	check "another program takes the name of the lock" lab_wait_line 60 "$dir/squat.log" bound
	lab_start hv second "$build/bulkhead-guard" --config "$dir/table.conf"
	check "... the guard starts all the same" lab_wait_line 60 "$dir/second.log" 'guard\.ready'
	check "... and tells" grep -q 'guard\.lock\.taken.*another' "$dir/second.log"
	lab_stop second
	lab_stop squat
	for how in netdev inet bridge; do nft_hv delete table $how another; done
}

# A thousand blocks and releases of one server, one after the other.
case_thousand() {
	local figure case
	ip_hv link add vnet8 type veth peer name peer8
	echo "vm1,t,,kvm,vnet8,,203.0.113.9" >>"$LAB_DIR/servers.csv"
	bulkhead server import "$LAB_DIR/servers.csv" >/dev/null
	figure=$(lab_in hv timeout 300 python3 "$here/ctl_storm.py" "$LAB_DIR/run/ctl.sock" 1 2001)
	echo "  $figure"
	check "a thousand blocks and releases of one server, and one more block" grep -q '^2001 taken 0 refused' <<<"$figure"
	check "... it is blocked, once" soon blocked_are "${port_of[shop]}" shop vnet8 vm1
	check "... with a case for each" [ "$(cases vm1 all)" = 1001 ]
	check "... and released it is not" eval 'release vm1 && soon blocked_are "${port_of[shop]}" shop'
	check "... the ledger's chain is whole" bulkhead ledger verify
}

# The database is another's for ten seconds and more, while a mailing goes on: the kernel first, the record when it may.
case_locked() {
	lab_tenant fresh || return 1 # nobody knows it yet: no release gave it an allowance
	to_the_sink
	inventory fresh=vnet4
	lab_start hv lock python3 -c 'import os, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
db.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
begin = time.monotonic()
while time.monotonic() < begin + 10 or (time.monotonic() < begin + 120 and not os.path.exists(sys.argv[2])):
    time.sleep(0.1)
db.execute("COMMIT")
print("done", flush=True)' "$LAB_DIR/state/guard.db" "$LAB_DIR/unlock"
	lab_wait_line 60 "$LAB_DIR/lock.log" locked || return 1
	for k in 1 2 3 4 5; do
		elements netdev | grep -q "^${port_of[fresh]} " && break
		cast_send fresh "$(lab_mx4 $k):25" 20 a@fresh.example "reader@dest$k.example" -F "$LAB_DIR/mail" >/dev/null
	done
	check "locked: the mailing is closed in the kernel" soon eval 'elements netdev | grep -q "^${port_of[fresh]} "'
	check "locked: ... while the database was locked" eval '! grep -q done "$LAB_DIR/lock.log"'
	touch "$LAB_DIR/unlock"
	check "locked: the lock ends" lab_wait_line 60 "$LAB_DIR/lock.log" done
	check "locked: then the database has the case, and the kernel the same" soon eval '[ "$(cases fresh)" = 1 ] && elements netdev | grep -q "^vnet4 $(cast_verdict fresh case)"'
	check "locked: the guard is the same" kill -0 "${LAB_PID[guard]}"
	check "locked: the ledger's chain is whole" bulkhead ledger verify
}
cases() { # SERVER [all]: open in the database, or all of them
	python3 -c 'import sqlite3, sys
db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True, timeout=5)
which = "" if sys.argv[3] == "all" else " AND end_ns = 0 AND shadow = 0"
print(db.execute("SELECT count(*) FROM block_case WHERE server = ?" + which, (sys.argv[2],)).fetchone()[0])' "$LAB_DIR/state/guard.db" "$1" "${2:-open}"
}

lab_need
command -v jq >/dev/null || { echo "skipped: jq is not installed"; exit 77; }
lab_begin bridged 5 || exit 1
for t in shop news club; do lab_tenant $t || exit 1; done
lab_start ext mx python3 "$tcp" serve 25 80
lab_start ext sink smtp-sink -u nobody 0.0.0.0:2525 1000
lab_wait_listen ext 25 && lab_wait_listen ext 2525 || exit 1
cast_mail "$LAB_DIR/mail" a@news.example "News of the week"
cast_config "$LAB_DIR/bulkhead.conf" enforce
cast_guard && cast_sensor || exit 1
inventory
sensor_hangs
for c in ${CASES:-rename recycle bridges sensor_returns masks shared_address second_guard thousand claimed locked}; do whole_case $c; done
lab_summary
