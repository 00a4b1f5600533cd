#!/bin/bash
# SPDX-License-Identifier: ISC
# The enforcer alone, in the lab: what a block closes, what it leaves open, and what happens to it when links
# die, when others change the ruleset and when the child is killed.  test_enforce.sh BUILD
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
LAB=${LAB:-enf$$}
. "$here/lab.sh"
. "$here/driver.sh"
tcp=$here/tcp.py
[ -x "$driver" ] || { echo "$driver is missing; build it with make test" >&2; exit 1; }

# --- what a tenant sees ----------------------------------------------------------------------------------
try() { lab_in "$1" python3 "$tcp" try "$2" "$3"; }
sees() { is "$(try "$1" "$2" "$3")" "$4"; }
both_see() { sees "$1" "$(lab_mx4 3)" "$2" "$3" && sees "$1" "$(lab_mx6 3)" "$2" "$3"; }

# hold NAME LABEL ADDRESS PORT / poke LABEL: a session that stays open; poke prints what a byte meets.
hold() {
	mkfifo "$LAB_DIR/$2.in"
	ip netns exec "$LAB-$1" python3 "$tcp" hold "$3" "$4" <"$LAB_DIR/$2.in" >"$LAB_DIR/$2.out" 2>&1 9>&- &
	LAB_PID[$2]=$!
	exec {hold_fd}>"$LAB_DIR/$2.in"
	declare -g "fd_$2=$hold_fd"
	lab_wait_line 60 "$LAB_DIR/$2.out" .
}
poke() {
	local fd="fd_$1" from=$(($(wc -l <"$LAB_DIR/$1.out") + 1))
	echo >&"${!fd}"
	lab_wait_line 60 "$LAB_DIR/$1.out" . "$from"
	tail -n 1 "$LAB_DIR/$1.out"
}
unhold() {
	local fd="fd_$1"
	eval "exec ${!fd}>&-"
	lab_stop "$1"
}
pokes() { is "$(poke "$1")" "$2"; }

stands() { tell list && grep -qE "^element $1" <<<"$answer"; }
stands_not() { tell list && ! grep -qE "^element $1" <<<"$answer"; }

foreign_rules='
table inet filter {
	set allowed { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.168.0.0/16 } }
	chain forward {
		type filter hook forward priority 0; policy accept;
		ct state established,related accept
		ip saddr @allowed counter
	}
}
table ip nat {
	chain post {
		type nat hook postrouting priority 100;
		ip saddr 10.9.0.0/16 masquerade
	}
}
table bridge fw {
	chain forwarded {
		type filter hook forward priority -200; policy accept;
		counter
	}
}
'
foreign_dump() { nft_hv -s list table inet filter; nft_hv -s list table ip nat; nft_hv -s list table bridge fw; }

# --- the cases -------------------------------------------------------------------------------------------
make_lab() {
	lab_begin "$1" 20 && lab_tenant shop && lab_tenant news && lab_tenant guest || return 1
	lab_start ext mx python3 "$tcp" serve 25 465 587 2525 80
	lab_start shop mail python3 "$tcp" serve 25 80
	lab_wait_listen ext 25 && lab_wait_listen shop 25
}

case_block() {
	local kind=$1
	both_see shop 25 open || return 1
	hold shop session4 "$(lab_mx4 2)" 25
	hold shop session6 "$(lab_mx6 2)" 25
	hold shop relayed "$(lab_mx4 9)" 25
	hold shop submission "$(lab_mx4 2)" 587
	pokes session4 echo && pokes session6 echo || return 1

	check "$kind: block" tell block vnet1 1h bh-lab
	check "$kind: new connections to port 25 are refused, IPv4 and IPv6" both_see shop 25 refused
	check "$kind: a running IPv4 session is reset" pokes session4 reset
	check "$kind: a running IPv6 session is reset" pokes session6 reset
	check "$kind: a running session to a relay goes on" pokes relayed echo
	check "$kind: a running submission session goes on" pokes submission echo
	for port in 587 465 2525 80; do check "$kind: port $port stays open" both_see shop $port open; done
	check "$kind: a relay stays reachable (IPv4 address)" sees shop "$(lab_mx4 9)" 25 open
	check "$kind: a relay stays reachable (IPv6 prefix)" sees shop "$(lab_mx6 9)" 25 open
	check "$kind: mail is still received over IPv4" sees ext "$(lab_addr4 shop)" 25 open
	check "$kind: mail is still received over IPv6" sees ext "$(lab_addr6 shop)" 25 open
	check "$kind: another server is untouched" both_see news 25 open
	check "$kind: the list has the block with its case and time" stands 'blocked vnet1 case=bh-lab left=3[56][0-9][0-9]s'
	check "$kind: what it tried is counted" stands 'blocked vnet1 .* packets=[1-9]'
	check "$kind: a second block renews the timeout" tell block vnet1 2h bh-two
	check "$kind: and the case" stands 'blocked vnet1 case=bh-two left=7(200|1[0-9][0-9])s packets='
	check "$kind: release" tell release vnet1
	check "$kind: mail flows again" both_see shop 25 open
	check "$kind: releasing what is not blocked is no error" tell release vnet1
	check "$kind: a block ends by its timeout" tell block vnet1 8s bh-short
	check "$kind: ... and holds until then" sees shop "$(lab_mx4 3)" 25 refused
	check "$kind: mail flows again by itself" lab_wait 60 both_see shop 25 open
	for s in session4 session6 relayed submission; do unhold $s; done
}

# Servers without an interface of their own.
case_address() {
	local kind=$1
	check "$kind: block by IPv4 address" tell block "$(lab_addr4 news)" 1h bh-a4
	check "$kind: refused over IPv4" sees news "$(lab_mx4 3)" 25 refused
	check "$kind: IPv6 is another element" sees news "$(lab_mx6 3)" 25 open
	check "$kind: block by IPv6 /64" tell block "$(lab_net6 news)" 1h bh-a6
	check "$kind: refused over IPv6" sees news "$(lab_mx6 3)" 25 refused
	ip -n "$LAB-news" addr add 2001:db8:0:2:abcd::99/128 dev eth0 nodad
	ip -n "$LAB-news" route replace "$(lab_mx6 4)" $(ip -n "$LAB-news" -6 route show default | sed -n 's/^default //;s/ metric.*//p') src 2001:db8:0:2:abcd::99
	check "$kind: any address of the /64 is refused" sees news "$(lab_mx6 4)" 25 refused
	check "$kind: neighbours are untouched" both_see shop 25 open
	check "$kind: a /30 is expanded and listed whole" tell block 192.0.2.12/30 1h bh-net
	check "$kind: as one element" stands 'blocked 192.0.2.12/30 case=bh-net'
	check "$kind: release by prefix" tell release 192.0.2.12/30
	tell replace
	check "$kind: an empty plan opens everything" both_see news 25 open
}

case_refusals() {
	check "a bridge is refused" refuses block br0 1h bh-x
	check "loopback is refused" refuses block lo 1h bh-x
	check "a loopback address is refused" refuses block 127.0.0.1 1h bh-x
	check "an IPv4 /16 is refused" refuses block 10.1.0.0/16 1h bh-x
	check "too long a timeout is refused" refuses block vnet1 9000d bh-x
	check "a hostile name is refused" refuses block 'v"};drop' 1h bh-x
	check "nothing of that stands" both_see shop 25 open
	check "one bad element spoils the whole plan" refuses replace vnet1 br0
	check "nothing of that stands either" both_see shop 25 open
}

case_recycle() {
	local kind=$1
	tell block vnet3 1h bh-old || return 1
	check "$kind: the guest on vnet3 is blocked" sees guest "$(lab_mx4 3)" 25 refused
	lab_unplug vnet3
	check "$kind: the end of the link is told" told 'link vnet3 gone'
	check "$kind: its elements are gone from every table" stands_not 'blocked vnet3'
	lab_plug guest vnet3
	check "$kind: the new link is told" told 'link vnet3 up'
	lab_wait_reach guest || return 1
	check "$kind: a server on a recycled name is not blocked" both_see guest 25 open
	lab_unplug vnet3
	tell block vnet77 1h bh-early || return 1
	lab_plug guest vnet77
	check "$kind: a name blocked before its link appears is blocked when it does" lab_wait 60 sees guest "$(lab_mx4 3)" 25 refused
	check "$kind: the door is hooked" lab_wait 60 door_is_on vnet77
	lab_unplug vnet77
	check "$kind: the door goes with its link" lab_wait 60 no_door_on vnet77
	lab_plug guest vnet3 && lab_wait_reach guest
}
door_is_on() { nft_hv list table netdev bulkhead | grep -q "device \"$1\""; }
no_door_on() { ! door_is_on "$1"; }

case_wiped() {
	local kind=$1 before wipe table
	tell block vnet1 1h bh-wipe && tell block "$(lab_net6 news)" 1h bh-wipe6 || return 1
	nft_hv -f - <<<"$foreign_rules" || { check "$kind: foreign tables can be made" false; return 1; }
	for wipe in "flush ruleset" "delete table netdev bulkhead" "delete table inet bulkhead" \
		"flush chain netdev bulkhead smtp" "flush set netdev bulkhead blocked" \
		"delete element bridge bulkhead blocked { \"vnet1\" }"; do
		nft_hv "$wipe" || { check "$kind: $wipe" false; continue; }
		check "$kind: within a second after \"$wipe\" the block stands again" lab_within 1 shop_refused
		check "$kind: everywhere" lab_within 1 stands 'blocked vnet1 case=bh-wipe'
	done
	check "$kind: who did it is told" told 'repaired .*by nft \(pid [0-9]+\)'
	grep '^news repaired' "$news" | sed 's/^/  /'
	nft_hv -f - <<<"$foreign_rules"
	nft_hv "add element inet bulkhead blocked { \"vnet2\" }"
	check "$kind: an element from another hand is taken away" lab_within 1 news_open
	nft_hv "add element inet filter allowed { 172.16.0.0/12 }"
	before=$(foreign_dump)
	tell release vnet1 && tell replace vnet1 && tell release vnet1 && tell replace
	nft_hv delete table inet bulkhead
	check "$kind: and ours stands again" lab_wait 60 nft_hv list table inet bulkhead
	check "$kind: other tables are as they were" is "$(foreign_dump)" "$before"
	for table in "inet filter" "ip nat" "bridge fw"; do nft_hv delete table $table; done
}
shop_refused() { [ "$(try shop "$(lab_mx4 3)" 25)" = refused ]; }
news_open() { sees news "$(lab_mx4 3)" 25 open && ! nft_hv list set inet bulkhead blocked | grep -q vnet2; }

case_dead_child() {
	local kind=$1
	tell block vnet1 1h bh-dead || return 1
	check "$kind: the child holds CAP_NET_ADMIN and nothing else" is "$(sed -n 's/^CapEff:\t//p' /proc/$child/status)" 0000000000001000
	check "$kind: it can gain no privileges" grep -q 'NoNewPrivs:	1' "/proc/$child/status"
	check "$kind: it is not root" [ "$(awk '/^Uid:/ { print $2 }' /proc/$child/status)" != 0 ]
	grep -q "clang\|asan" /proc/$child/maps || check "$kind: it is under seccomp" grep -q 'Seccomp:	2' "/proc/$child/status"
	kill -KILL "$child"
	check "$kind: the end of the child is told" told gone
	check "$kind: the block stands on" both_see shop 25 refused
	check "$kind: verbs say that the enforcer has ended" refuses release vnet1
	stop_enforcer
	check "$kind: the next child takes over what stands" start_enforcer bulkhead 'glob=vnet*' relay="$(lab_mx4 9)"
	check "$kind: with its case" stands 'blocked vnet1 case=bh-dead'
	check "$kind: and can release it" tell release vnet1
	check "$kind: mail flows again" both_see shop 25 open
	tell block vnet1 1h bh-end
	stop_enforcer
	check "$kind: an end in order leaves the block, too" both_see shop 25 refused
	check "$kind: no child is left" lab_wait 60 eval '[ ! -e "/proc/$child" ]'
}

# The layers alone: without a door the net holds (by a drop where the bridge cannot reject).
case_layers() {
	local kind=$1 layer_off=$2 want=$3
	nft_hv flush ruleset
	start_enforcer bulkhead 'glob=vnet*' $layer_off || return 1
	tell block vnet1 1h bh-layer || return 1
	check "$kind: with $layer_off new connections see: $want" both_see shop 25 "$want"
	check "$kind: with $layer_off another server is untouched" both_see news 25 open
	check "$kind: with $layer_off mail is still received" sees ext "$(lab_addr4 shop)" 25 open
	stop_enforcer
}

# While plans replace each other, a server that is in all of them finds no moment.
case_no_window() {
	local kind=$1 plans=0 begin=$SECONDS
	tell replace vnet1 192.0.2.200/29 || return 1
	rm -f "$LAB_DIR/stop"
	lab_start shop storm python3 "$tcp" probe "$(lab_mx4 3)" 25 "$LAB_DIR/stop"
	while [ $plans -lt 20 ] || [ $((SECONDS - begin)) -lt 3 ]; do
		tell replace vnet1 vnet50 192.0.2.208/29 && tell replace vnet1 192.0.2.200/29 2001:db8:77::/64 || break
		plans=$((plans + 2))
	done
	touch "$LAB_DIR/stop"
	wait "${LAB_PID[storm]}"
	unset 'LAB_PID[storm]'
	echo "  $(cat "$LAB_DIR/storm.log"), while $plans plans replaced each other"
	check "$kind: replacing plans opens no window" grep -qE '^0 opened of [1-9][0-9]{2,}' "$LAB_DIR/storm.log"
	check "$kind: and there were plans" [ $plans -ge 20 ]
	tell replace
}

# The same beside 100,000 other elements, and for a session that connection tracking knows: its packets would be
# accepted by the foreign rules, and go on after the reset.
case_no_window_at_scale() {
	local kind=$1 from
	lab_in hv sysctl -qw net.netfilter.nf_conntrack_tcp_be_liberal=1 2>/dev/null
	nft_hv 'add table inet tracked; add chain inet tracked f { type filter hook forward priority 0; }; add rule inet tracked f ct state established counter accept'
	hold shop tracked "$(lab_mx4 3)" 25
	pokes tracked echo || return 1
	from=$(lab_in shop ss -Htn dst "$(lab_mx4 3)" | awk '{ sub(".*:", "", $4); print $4; exit }')
	tell block vnet1 1h bh-scale
	lab_in ext nft "add table inet seen; add chain inet seen in { type filter hook prerouting priority -400; }
		add rule inet seen in ip saddr $(lab_addr4 shop) tcp dport 25 counter
		add rule inet seen in ip saddr $(lab_addr4 shop) tcp sport $from tcp dport 25 counter"
	seen() { lab_in ext nft list chain inet seen in | grep -oE 'packets [0-9]+' | cut -d' ' -f2 | sed -n "$1p"; }
	lab_start shop stream "$build/tests/lab/stream" "$(lab_mx4 3)" 25 "$from"
	lab_wait 5 grep -q . "$LAB_DIR/stream.log"
	for n in 100000 99000 100000; do
		tell_patience=60 tell fill $n vnet1 || { echo "$answer"; break; }
	done
	check "$kind: plans of 100,000 elements replaced each other" grep -q '^ok' <<<"$answer"
	echo "  $(tail -n 1 "$LAB_DIR/stream.log") packets tried, $(seen 1) arrived"
	check "$kind: no packet of a new or a tracked connection found a window" is "$(seen 1)" 0
	tell release vnet1
	check "$kind: released, both would have been seen" lab_wait 5 eval '[ "$(seen 1)" -gt 100 ] && [ "$(seen 2)" -gt 10 ]'
	lab_stop stream
	unhold tracked
	tell_patience=60 tell replace
	nft_hv delete table inet tracked
}

case_scale() {
	check "10,000 elements in one plan" tell bulk 10000
	echo "  $answer"
	check "all of them stand" grep -q 'listed 10000' <<<"$answer"
	check "1,000 blocks beside them" tell bench 1000
	echo "  $answer"
	tell replace
	check "1,000 blocks in empty sets" tell bench 1000
	echo "  $answer"
	tell replace
}

lab_need
for kind in bridged routed; do
	make_lab $kind || { echo "FAIL the $kind lab cannot be made"; exit 1; }
	start_enforcer bulkhead 'glob=vnet*' relay="$(lab_mx4 9)" relay=2001:db8:ffff::8/126 || exit 1
	[ $kind = routed ] || { tell features && echo "  $answer"; case_refusals; }
	for case in block address recycle no_window wiped; do whole_case $case $kind; done
	[ $kind = routed ] || case_scale
	[ $kind = bridged ] || whole_case no_window_at_scale $kind
	whole_case dead_child $kind
	if [ $kind = bridged ]; then
		whole_case layers $kind "off=netdev-ingress" "$(nft_hv -c 'add table bridge p; add chain bridge p c { type filter hook prerouting priority 0; }; add rule bridge p c tcp dport 25 reject with tcp reset' 2>/dev/null && echo refused || echo timeout)"
		whole_case layers $kind "off=netdev-reject" timeout
	else
		whole_case layers $kind "off=netdev-ingress" refused
		whole_case layers $kind "off=netdev-ingress off=bridge" refused
	fi
	lab_end
done
lab_summary
