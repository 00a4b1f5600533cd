#!/bin/bash
# SPDX-License-Identifier: ISC
# Real TCP to port 25 in every shape that a tenant can give it (dodge.py): tags, SNAP, options, extension headers,
# fragments.  Each is first shown to arrive; then the server is blocked and nothing opens, and its element has counted;
# then user space is dead and the brake counts.  Bridged, the internet's end is a trunk that takes all tags off;
# routed, the hypervisor's own stack decides what it takes.  test_dodge.sh BUILD
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
LAB=${LAB:-ddg$$}
. "$here/lab.sh"
. "$here/driver.sh"
tcp=$here/tcp.py
export TCP_PATIENCE_S=0.5
declare -A arrived=()
# What must be delivered, so that what is tested is a dodge at all: VERSION/SHAPE, by kind.
ways="4/plain 6/plain 4/priority 4/options 4/options-40 4/fragments 4/fragments-backwards 6/hop-by-hop 6/destination \
 6/routing 6/atomic 6/chain 6/fragments6 6/fragments6-backwards 6/fragments6-extended"
declare -A ways_of=(
	[bridged]="$ways 4/802.1q 4/802.1ad 4/qinq 6/qinq 4/q-in-q 6/q-in-q 4/three-tags 6/three-tags 4/four-tags 6/four-tags \
 4/tpid-9100 6/tpid-9100 4/tpid-9100-q 4/snap 6/snap 4/snap-in-q 4/snap-in-qinq 4/qinq-options 4/qinq-fragments 6/qinq-destination"
	[routed]="$ways 4/priority-twice"
)
# How long a shape may take until it arrives: one that must has all the time of a busy machine.
patience() { case " ${ways_of[$kind]} " in *" $1 "*) echo 30 ;; *) echo 2 ;; esac; }

# Between the namespace's TCP and its link: eth0 becomes "wire", a tap takes its name, address and routes.
insert() { # NAME
	local name=$1 mac ns=$LAB-$1
	mac=$(lab_in "$name" cat /sys/class/net/eth0/address)
	ip -n "$ns" link set eth0 down
	ip -n "$ns" link set eth0 name wire
	ip -n "$ns" link set wire address "52:54:00:ff:ff:0${LAB_NUMBER[$name]:-0}"
	ip -n "$ns" link set wire up promisc on
	ip -n "$ns" tuntap add eth0 mode tap
	ip -n "$ns" link set eth0 address "$mac" mtu 1400
	ip -n "$ns" link set eth0 up
}
relay() { # NAME VERB FILE
	lab_start "$1" "relay-$1" python3 "$here/dodge.py" "$2" wire eth0 "$3"
	lab_wait_line 60 "$LAB_DIR/relay-$1.log" '^ready'
}
take() { echo "$1" >"$LAB_DIR/shape"; } # SHAPE: what the tenant sends from now on
address() { [ "$1" = 4 ] && lab_mx4 3 || lab_mx6 3; }
try() { lab_in shop python3 "$tcp" try "$(address "$1")" 25; }
opens() { [ "$(try "$1")" = open ]; }
closed() { local r; r=$(try "$1"); [ "$r" != open ] || { echo "  got $r"; return 1; }; }
packets() { tell list; sed -n 's/^element blocked vnet1 .*packets=//p' <<<"$answer"; }
# Until a try was seen by the element: one may have waited for its neighbour's address and sent nothing.
counted() { local n; closed "$1" || return 1; n=$(packets); [ "${n:-0}" -gt 0 ]; }
fresh() { local f l; for f in netdev bridge inet; do for l in loose strict; do nft_hv flush set $f bulkhead $l; done; done; }

# While everything works: VERSION SHAPE
case_block() {
	local v=$1 shape=$2
	take "$shape"
	tell replace
	fresh
	if lab_wait "$(patience "$v/$shape")" opens "$v"; then
		arrived[$kind/$v/$shape]=1
	else
		# Nobody can dodge so here; what follows must hold all the same.
		echo "  $kind, IPv$v $shape: is not delivered here"
	fi
	tell block vnet1 1h bh-dodge
	check "$kind, IPv$v $shape: a blocked server does not get through" closed "$v"
	[ -z "${arrived[$kind/$v/$shape]:-}" ] || check "$kind, IPv$v $shape: and is counted" lab_wait 60 counted "$v"
}
# While user space is dead: 40 packets at once, then one in two seconds.  Again where the relay stood still for so long
# that not even one came through.
case_brake() {
	local v=$1 shape=$2 opened begin may
	[ -n "${arrived[$kind/$v/$shape]:-}" ] || return
	take "$shape"
	for _ in 1 2 3 4 5; do
		fresh
		begin=$SECONDS
		opened=$(lab_in shop python3 "$tcp" burst "$(address "$v")" 25 60)
		may=$((42 + (SECONDS - begin) / 2))
		[ "${opened%% *}" -lt 1 ] || break
	done
	check "$kind, IPv$v $shape: the brake counts it ($opened)" eval '[ "${opened%% *}" -ge 1 ] && [ "${opened%% *}" -le $may ]'
}

case_delivered() {
	local s
	for s in ${ways_of[$kind]}; do
		check "$kind: $s was a way through" [ -n "${arrived[$kind/$s]:-}" ]
	done
}

each_shape() { # COMMAND
	local shape
	for shape in $(python3 "$here/dodge.py" any); do
		"$1" 4 "$shape"
		if [ "$shape" = plain ] || [ $kind = bridged ]; then "$1" 6 "$shape"; fi
	done
	for shape in $(python3 "$here/dodge.py" four); do "$1" 4 "$shape"; done
	for shape in $(python3 "$here/dodge.py" six); do "$1" 6 "$shape"; done
}

# Not shapes of frames but ways of the tenant's own stack.
case_stack() {
	local -x TCP_PATIENCE_S=10
	take plain
	tell replace
	fresh
	lab_in shop sysctl -qw net.ipv4.tcp_fastopen=5 # client; data in the SYN without a cookie
	for how in fastopen mptcp source-port; do
		check "$kind: $how opens while it may" eval '[ "$(lab_in shop python3 "$tcp" "$how" "$(lab_mx4 3)" 25)" = open ]'
		tell block vnet1 1h bh-dodge
		check "$kind: $how: a blocked server does not get through" eval '[ "$(lab_in shop python3 "$tcp" "$how" "$(lab_mx4 3)" 25)" = refused ]'
		tell release vnet1
	done
}

lab_need
[ -c /dev/net/tun ] || { echo "skipped: there is no /dev/net/tun"; exit 77; }
for kind in bridged routed; do
	lab_begin $kind 5 && lab_tenant shop || exit 1
	insert shop
	if [ $kind = bridged ]; then
		ip -n "$LAB-shop" addr add "$(lab_addr4 shop)/24" dev eth0
		ip -n "$LAB-shop" addr add "$(lab_addr6 shop)/48" dev eth0 nodad
		ip -n "$LAB-shop" route add default via 192.0.2.1
		ip -n "$LAB-shop" route add default via 2001:db8::1
		insert ext
		ip -n "$LAB-ext" addr add 192.0.2.1/24 dev eth0
		ip -n "$LAB-ext" addr add 2001:db8::1/48 dev eth0 nodad
		relay ext unwrap - || exit 1
	else
		ip -n "$LAB-shop" addr add "$(lab_addr4 shop)/32" dev eth0
		ip -n "$LAB-shop" addr add "$(lab_addr6 shop)/64" dev eth0 nodad
		ip -n "$LAB-shop" route add 169.254.1.1 dev eth0
		ip -n "$LAB-shop" route add default via 169.254.1.1 dev eth0
		ip -n "$LAB-shop" route add default via fe80::1 dev eth0
	fi
	take plain
	relay shop wrap "$LAB_DIR/shape" && lab_wait_reach shop || exit 1
	lab_start ext mx python3 "$tcp" serve 25
	lab_wait_listen ext 25 || exit 1
	start_enforcer bulkhead 'glob=vnet*' || exit 1
	tell beat 10m armed
	each_shape case_block
	case_stack
	tell replace
	tell beat 1s armed
	check "$kind: the heartbeat ends" lab_wait 60 eval 'tell state && grep -q alive_ms=0 <<<"$answer"'
	each_shape case_brake
	case_delivered
	check "$kind: nft can list it all" nft_hv list ruleset >/dev/null
	stop_enforcer
	lab_end
done
lab_summary
