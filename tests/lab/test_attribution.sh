#!/bin/bash
# SPDX-License-Identifier: ISC
# Whose packet is it: on a plain bridge, on a Proxmox-like host (a small bridge of its own between each tap and the
# large one) and on a routed host, with sensor and guard watching everything.  Every mail is counted once and for the
# server that sent it; taps come, go and change their names without a restart.  test_attribution.sh BUILD [KIND...]
#
#   bridged:  vnetN - br0 - up0        routed:  vnetN - (forwarding) - up0
#   proxmox:  vnetN - fwbrN - fwlnN - fwprN - br0 - up0
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
shift
kinds=${*:-bridged proxmox routed}
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

lab_need
for kind in $kinds; do run "$kind" || { echo "the $kind lab broke off"; LAB_FAILED=$((LAB_FAILED + 1)); }; done
lab_summary
