#!/bin/bash
# SPDX-License-Identifier: ISC
# Whose packet is it: on a plain bridge, on a Proxmox-like host (a small bridge of its own between each tap and the
# large one) and on a routed host, with sensor and guard watching everything.  Every mail is counted once and for the
# server that sent it; taps come, go and change their names without a restart.  test_attribution.sh BUILD [KIND...]
#
#   bridged:  vnetN - br0 - up0        routed:  vnetN - (forwarding) - up0
#   proxmox:  vnetN - fwbrN - fwlnN - fwprN - br0 - up0
#   bridges:  vnet1, vnet2 - br0 - up0, vnet3 - br1 - up1; the gateway of the internet leads from one to the other
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
shift
kinds=${*:-bridged proxmox routed bridges}
. "$here/lab.sh"
. "$here/postfix.sh"
. "$here/cast.sh"

# A count of a server: "NAME MEMBER is NUMBER".
count_of() { bulkhead server show "$1" --json 2>/dev/null | jq -r ".counts.$2"; }
is() { [ "$(count_of "$1" "$2")" = "$3" ]; }
# Waits until the count is there, then makes sure that a second look finds no more.
stays() { lab_wait 60 is "$1" "$2" "$3" && sleep 1.2 && is "$1" "$2" "$3"; }
has_tap() { ip -n "$LAB-hv" link show "$1" >/dev/null 2>&1; }

# The port of tenant number N behind a bridge of its own, as Proxmox' firewall makes it.
put_behind_fwbr() {
	local hv=$LAB-hv port=$1 n=$2
	ip -n "$hv" link add "fwbr$n" type bridge forward_delay 0 mcast_snooping 0 &&
		ip -n "$hv" link add "fwln$n" type veth peer name "fwpr$n" &&
		ip -n "$hv" link set "fwln$n" master "fwbr$n" up &&
		ip -n "$hv" link set "fwpr$n" master br0 up &&
		ip -n "$hv" link set "$port" master "fwbr$n" &&
		ip -n "$hv" link set "fwbr$n" up
}

# Server, port and tenant in the inventory.
write_inventory() { # PORT-OF-club PORT-OF-shop
	cast_inventory "$LAB_DIR/servers.csv" news club shop
	sed -i "s/^\(club,.*,kvm,\)[^,]*/\1$1/; s/^\(shop,.*,kvm,\)[^,]*/\1$2/" "$LAB_DIR/servers.csv"
	bulkhead server import "$LAB_DIR/servers.csv" --json >/dev/null
}

# A line of SMTP in the middle of a connection that never was, with somebody else's address.
forge() { # NAME SOURCE DESTINATION
	lab_in "$1" python3 - "$2" "$3" <<-'PY'
		import socket, struct, sys
		src, dst = (socket.inet_aton(a) for a in sys.argv[1:3])
		data = b"EHLO forged.example\r\n"
		head = struct.pack("!HHIIBBHHH", 40123, 25, 1000, 1, 0x50, 0x18, 8192, 0, 0)
		pseudo = src + dst + struct.pack("!BBH", 0, 6, len(head) + len(data))
		total = pseudo + head + data + b"\0" * (len(data) % 2)
		s = sum(struct.unpack("!%dH" % (len(total) // 2), total))
		s = ~((s & 0xffff) + (s >> 16) + ((s & 0xffff) + (s >> 16) >> 16)) & 0xffff
		tcp = head[:16] + struct.pack("!H", s) + head[18:] + data
		ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, src, dst)
		out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
		out.sendto(ip + tcp, (sys.argv[2], 0))
	PY
}

# The sensor on one device: a tap is its tenant's, with the direction of each packet; an uplink or a bridge is watched
# by address.  Either way a server's own mail is its own, and what it receives is not.
watch_device() { # KIND DEVICE
	local kind=$1 device=$2 sent received club unattributed
	lab_stop sensor
	cast_sensor --device "$device" || return 1
	sent=$(count_of news messages) received=$(count_of news inbound_sessions) club=$(count_of club messages)
	unattributed=$(bulkhead status --json | jq -r .unattributed)
	check "$kind, $device alone: 3 mails" [ "$(cast_send news "$(lab_mx4 1):25" 3 a@news.example x@dest1.example)" -eq 3 ]
	check "$kind, $device alone: ... are counted once" stays news messages $((sent + 3))
	check "$kind, $device alone: 2 mails from outside" [ "$(cast_send ext "$(lab_addr4 news):25" 2 x@dest1.example a@news.example)" -eq 2 ]
	check "$kind, $device alone: ... are received" stays news inbound_sessions $((received + 2))
	check "$kind, $device alone: ... and not sent" is news messages $((sent + 3))
	check "$kind, $device alone: ... nor unattributed" [ "$(bulkhead status --json | jq -r .unattributed)" = "$unattributed" ]
	check "$kind, $device alone: 1 mail of another tenant" [ "$(cast_send club "$(lab_mx4 1):25" 1 a@club.example x@dest1.example)" -eq 1 ]
	case $device in
	vnet*) check "$kind, $device alone: ... is not looked at" stays club messages "$club" ;;
	*) check "$kind, $device alone: ... is that one's" stays club messages $((club + 1)) ;;
	esac
}

run() {
	local kind=$1 before
	LAB=at$$${kind:0:1}
	if [ "$kind" = proxmox ]; then lab_begin bridged 4; else lab_begin "$kind" 4; fi || return 1
	trap 'postfix_stop "$LAB_DIR/mx"; lab_end' EXIT
	for t in news club shop; do lab_tenant $t || return 1; done
	if [ "$kind" = proxmox ]; then
		for n in 1 2 3; do put_behind_fwbr vnet$n $n || return 1; done
		for t in news club shop; do lab_wait_reach $t || return 1; done
	fi
	cast_internet 4 || return 1
	cast_config "$LAB_DIR/bulkhead.conf" observe
	cast_guard && cast_sensor || return 1
	write_inventory vnet2 vnet3 || return 1

	check "$kind: 9 mails over IPv4 are accepted" [ "$(cast_send news "$(lab_mx4 1):25" 9 a@news.example x@dest1.example)" -eq 9 ]
	check "$kind: ... and counted once" stays news messages 9
	check "$kind: 5 mails over IPv6 are accepted" [ "$(cast_send news "[$(lab_mx6 1)]:25" 5 a@news.example x@dest1.example)" -eq 5 ]
	check "$kind: ... and counted once" stays news messages 14
	check "$kind: ... for nobody else" is club messages 0

	# Tenant to tenant: one session out, one in.
	lab_start shop sink smtp-sink -u nobody 0.0.0.0:25 100
	lab_wait_listen shop 25 || return 1
	check "$kind: 4 mails to another tenant" [ "$(cast_send club "$(lab_addr4 shop):25" 4 a@club.example x@shop.example)" -eq 4 ]
	check "$kind: ... are the sender's 4 messages" stays club messages 4
	check "$kind: ... in 4 sessions" is club sessions 4
	check "$kind: ... 4 sessions inbound for the receiver" stays shop inbound_sessions 4
	check "$kind: ... and no message of it" is shop messages 0

	# The hypervisor's own mail is nobody's.
	[ "$kind" = routed ] || ip -n "$LAB-hv" addr add 192.0.2.250/24 dev br0
	[ "$kind" = routed ] || ip -n "$LAB-hv" route add default via 192.0.2.1
	before=$(bulkhead status --json | jq -r .unattributed)
	check "$kind: the hypervisor sends 3 mails" lab_wait 60 eval '[ "$(cast_send hv "$(lab_mx4 1):25" 3 root@hv.example x@dest1.example)" -eq 3 ]'
	# One of a server behind them: when it is counted, they would have been.
	check "$kind: ... and a server sends one more" [ "$(cast_send news "$(lab_mx4 1):25" 1 a@news.example x@dest1.example)" -eq 1 ]
	check "$kind: ... which is counted" stays news messages 15
	check "$kind: the hypervisor's count for nobody" [ "$(count_of news messages) $(count_of club messages) $(count_of shop messages)" = "15 4 0" ]
	check "$kind: ... and are not unattributed either" [ "$(bulkhead status --json | jq -r .unattributed)" = "$before" ]

	# A forged source is charged to the tap that it came through.
	before=$(count_of shop sessions)
	forge news "$(lab_addr4 shop)" "$(lab_mx4 2)"
	check "$kind: a forged source is charged to the sender's server" lab_wait 60 is news spoofed 1
	check "$kind: ... and not to the owner of the address" [ "$(count_of shop spoofed) $(count_of shop sessions)" = "0 $before" ]

	# The club's guest ends and starts again on another tap; then the shop gets the club's old name.
	lab_unplug vnet2
	check "$kind: a tap goes" eval '! has_tap vnet2'
	lab_plug club vnet9 || return 1
	[ "$kind" != proxmox ] || ip -n "$LAB-hv" link set vnet9 master fwbr2
	lab_wait_reach club || return 1
	write_inventory vnet9 vnet3
	check "$kind: a tap comes: 3 mails through it" [ "$(cast_send club "$(lab_mx4 2):25" 3 a@club.example x@dest2.example)" -eq 3 ]
	check "$kind: ... are counted, without a restart" stays club messages 7
	lab_stop sink
	lab_unplug vnet3
	lab_plug shop vnet2 || return 1
	[ "$kind" != proxmox ] || ip -n "$LAB-hv" link set vnet2 master fwbr3
	lab_wait_reach shop || return 1
	write_inventory vnet9 vnet2
	check "$kind: 2 mails through a recycled name" [ "$(cast_send shop "$(lab_mx4 1):25" 2 a@shop.example x@dest1.example)" -eq 2 ]
	check "$kind: ... are its new owner's" stays shop messages 2
	check "$kind: ... and not its old one's" is club messages 7
	check "$kind: nothing was unattributed in all of this" [ "$(bulkhead status --json | jq -r .unattributed)" = 0 ]

	lab_start news sink smtp-sink -u nobody 0.0.0.0:25 100
	lab_wait_listen news 25 || return 1
	watch_device "$kind" vnet1 || return 1
	watch_device "$kind" up0 || return 1
	[ "$kind" = routed ] || watch_device "$kind" br0 || return 1
	lab_stop sink
	lab_stop sensor
	lab_stop guard
	postfix_stop "$LAB_DIR/mx"
	lab_end
}

# --- two bridges of one hypervisor

# A second bridge with an uplink of its own; the gateway forwards, and redirects to its sinks only what is for the internet.
second_bridge() {
	local hv=$LAB-hv ext=$LAB-ext
	ip -n "$hv" link add br1 type bridge forward_delay 0 mcast_snooping 0 &&
		ip -n "$hv" link add up1 type veth peer name eth1 netns "$ext" &&
		ip -n "$hv" link set br1 up && ip -n "$hv" link set up1 master br1 up &&
		ip -n "$ext" link set eth1 up &&
		ip -n "$ext" addr add 203.0.113.1/24 dev eth1 &&
		lab_in ext sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 &&
		lab_in ext nft insert rule inet mx pre ip daddr { 192.0.2.0/24, 203.0.113.0/24 } accept
}

# A tenant moves from br0 to br1, where it has 203.0.113.(10+N), and perhaps another MAC.
to_second_bridge() { # NAME [MAC]
	local ns=$LAB-$1 a4=203.0.113.$((10 + LAB_NUMBER[$1]))
	ip -n "$LAB-hv" link set "$(lab_port "$1")" master br1 &&
		ip -n "$ns" link set eth0 down &&
		ip -n "$ns" link set eth0 address "${2:-$(lab_mac "$1")}" up &&
		ip -n "$ns" addr flush dev eth0 scope global &&
		ip -n "$ns" addr add "$a4/24" dev eth0 &&
		ip -n "$ns" route replace default via 203.0.113.1 &&
		lab_wait 60 lab_reaches "$1" "$(lab_mx4 1)"
}

# news and club have their /64; nobody but news a MAC: shop's is the same.
two_bridges_inventory() { # PORT-OF-club PORT-OF-guest [MAC-OF-shop]
	cat >"$LAB_DIR/servers.csv" <<-EOF
		server,tenant,plan,virtualization,interfaces,macs,addresses
		news,news-inc,,kvm,vnet1,$(lab_mac news),$(lab_addr4 news);$(lab_net6 news)
		club,club-inc,,kvm,$1,,$(lab_addr4 club);$(lab_net6 club)
		shop,shop-inc,,kvm,vnet3,${3:-},203.0.113.13
		guest,guest-inc,,kvm,$2,,$(lab_addr4 guest)
	EOF
	bulkhead server import "$LAB_DIR/servers.csv" --json
}

# The next temporary address of a guest's /64 (RFC 8981); those before it are deprecated, so that no new connection
# has them.
privacy_address() { # NAME SUFFIX
	local ns=$LAB-$1 net old
	net=$(lab_net6 "$1")
	for old in $(ip -n "$ns" -o -6 addr show dev eth0 scope global | awk '{print $4}'); do
		ip -n "$ns" addr change "$old" dev eth0 preferred_lft 0 valid_lft 3600
	done
	ip -n "$ns" addr add "${net%::/64}:$2/48" dev eth0 nodad &&
		lab_wait 60 eval "ip -n $ns route get $(lab_mx6 1) | grep -q 'src ${net%::/64}:$2 '"
}

is_connecting() { lab_in "$1" ss -Htn state syn-sent "( dport = :25 )" | grep -q .; }

# A guest speaks before its tap is in the bridge: what it says then is lost, and said again.
late_bridge() {
	local before=$1 pid
	ip -n "$LAB-hv" link set vnet2 nomaster
	ip -n "$LAB-club" neigh replace 192.0.2.1 lladdr "$(ip -n "$LAB-ext" -j link show eth0 | jq -r '.[0].address')" dev eth0 nud permanent
	cast_send club "$(lab_mx4 1):25" 3 a@club.example x@dest1.example >"$LAB_DIR/late.sent" &
	pid=$!
	check "bridges: a guest connects before its tap is in a bridge" lab_wait 60 is_connecting club
	ip -n "$LAB-hv" link set vnet2 master br0
	wait "$pid"
	check "bridges: ... and its 3 mails go out when it is" [ "$(cat "$LAB_DIR/late.sent")" -eq 3 ]
	check "bridges: ... counted once" stays club messages $((before + 3))
	check "bridges: ... in 3 sessions" is club sessions $((before + 3))
	check "bridges: ... of which none failed" is club connects_failed 0
	ip -n "$LAB-club" neigh del 192.0.2.1 dev eth0
}

# The tap of one guest is made anew for another, at once, with its name and its index.
tap_for_another() {
	local index before
	before=$(count_of club messages)
	index=$(ip -n "$LAB-hv" -j link show vnet2 | jq -r '.[0].ifindex')
	two_bridges_inventory "" vnet2 >/dev/null
	lab_unplug vnet2
	ip -n "$LAB-hv" link add vnet2 index "$index" type veth peer name eth0 netns "$LAB-guest" &&
		ip -n "$LAB-hv" link set vnet2 master br0 up &&
		ip -n "$LAB-guest" link set eth0 up &&
		ip -n "$LAB-guest" addr add "$(lab_addr4 guest)/24" dev eth0 &&
		ip -n "$LAB-guest" route add default via 192.0.2.1 &&
		lab_wait 60 lab_reaches guest "$(lab_mx4 1)" || return 1
	check "bridges: 2 mails through a tap that was another's a moment ago" \
		[ "$(cast_send guest "$(lab_mx4 1):25" 2 a@guest.example x@dest1.example)" -eq 2 ]
	check "bridges: ... are the new guest's" stays guest messages 2
	check "bridges: ... and not the old one's" is club messages "$before"
	check "bridges: ... nor spoofed" [ "$(count_of guest spoofed) $(count_of club spoofed)" = "0 0" ]
}

same_mac() {
	two_bridges_inventory vnet2 "" "$(lab_mac news)" >"$LAB_DIR/refused" 2>&1
	check "bridges: an inventory with one MAC for two servers is refused" \
		grep -qiE "MAC $(lab_mac news).*(news|shop)" "$LAB_DIR/refused"
	to_second_bridge shop "$(lab_mac news)" || return 1
	check "bridges: 3 mails of a server" [ "$(cast_send news "$(lab_mx4 1):25" 3 a@news.example x@dest1.example)" -eq 3 ]
	check "bridges: 2 mails of another with its MAC" [ "$(cast_send shop "$(lab_mx4 1):25" 2 a@shop.example x@dest1.example)" -eq 2 ]
	check "bridges: ... each has its own" stays news messages 3
	check "bridges: ... and only its own" stays shop messages 2
	check "bridges: ... and nothing is spoofed" [ "$(count_of news spoofed) $(count_of shop spoofed)" = "0 0" ]
}

privacy_addresses() {
	local n=0 suffix
	for suffix in 1a2b:3c4d:5e6f:7081 f00d:1:1:9 9182:7364:5546:3728; do
		privacy_address news $suffix || return 1
		n=$((n + 2))
		check "bridges: 2 mails from ...:$suffix" [ "$(cast_send news "[$(lab_mx6 1)]:25" 2 a@news.example x@dest1.example)" -eq 2 ]
	done
	check "bridges: mails from three addresses of a /64 are one server's" stays news messages $((3 + n))
	check "bridges: ... and not spoofed" is news spoofed 0
	# By the address alone: of br0 there is no tap, and club has no MAC in the inventory.
	lab_stop sensor
	cast_sensor --device br0 || return 1
	n=$(count_of club messages)
	privacy_address club dead:beef:1:2 || return 1
	check "bridges, br0 alone: 2 mails from a new address of a /64" [ "$(cast_send club "[$(lab_mx6 1)]:25" 2 a@club.example x@dest1.example)" -eq 2 ]
	check "bridges, br0 alone: ... are its server's" stays club messages $((n + 2))
	lab_stop sensor
	cast_sensor || return 1
}

run_two_bridges() {
	LAB=at$$t
	lab_begin bridged 4 || return 1
	trap 'postfix_stop "$LAB_DIR/mx"; lab_end' EXIT
	for t in news club shop; do lab_tenant $t || return 1; done
	LAB_TENANTS+=(guest)
	LAB_NUMBER[guest]=4
	lab_make_namespace guest
	cast_internet 4 && second_bridge && to_second_bridge shop || return 1
	cast_config "$LAB_DIR/bulkhead.conf" observe
	cast_guard && cast_sensor || return 1
	two_bridges_inventory vnet2 "" >/dev/null || return 1

	lab_start shop sink smtp-sink -u nobody 0.0.0.0:25 100
	lab_wait_listen shop 25 || return 1
	check "bridges: 4 mails to a tenant on the other bridge" \
		[ "$(cast_send club 203.0.113.13:25 4 a@club.example x@shop.example)" -eq 4 ]
	check "bridges: ... are the sender's 4 messages" stays club messages 4
	check "bridges: ... in 4 sessions, and the receiver's 4 inbound" \
		[ "$(count_of club sessions) $(count_of club inbound_sessions) $(count_of shop inbound_sessions)" = "4 0 4" ]
	check "bridges: ... and no message of the receiver" [ "$(count_of shop messages) $(count_of shop sessions)" = "0 0" ]
	lab_stop sink
	same_mac && late_bridge 4 && privacy_addresses && tap_for_another || return 1
	check "bridges: nothing was unattributed in all of this" [ "$(bulkhead status --json | jq -r .unattributed)" = 0 ]
	lab_stop sensor
	lab_stop guard
	postfix_stop "$LAB_DIR/mx"
	lab_end
}

run_kind() { if [ "$1" = bridges ]; then run_two_bridges; else run "$1"; fi; }

lab_need
for kind in $kinds; do run_kind "$kind" || { echo "the $kind lab broke off"; LAB_FAILED=$((LAB_FAILED + 1)); }; done
lab_summary
