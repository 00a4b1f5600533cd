#!/bin/bash
# SPDX-License-Identifier: ISC
# One tenant does its worst to the sensor (SYNs of forged sources, lines without end, connections that drip, pieces), and
# the mail of another is counted all the same; what was given up is told by `bulkhead status`.  Then a third one logs in
# and mails: neither its password nor a recipient's name is anywhere that guard and sensor write.  test_floods.sh BUILD
#
#   vnet1 (news, honest) - br0 - up0      vnet2 (club, floods)      vnet3 (shop, logs in)
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
. "$here/lab.sh"
. "$here/postfix.sh"
. "$here/cast.sh"

count_of() { bulkhead server show "$1" --json 2>/dev/null | jq -r ".counts.$2"; }
is() { [ "$(count_of "$1" "$2")" = "$3" ]; }
sensor_says() { [ "$(bulkhead status --json | jq "[.sensors[].$1] | add // 0")" -gt "$2" ]; }

# SYNs to port 25 from sources that nobody has.
syn_flood() { # NAME COUNT
	lab_in "$1" timeout 200 python3 - "$2" "$(lab_mx4 2)" <<-'PY'
		import random, socket, struct, sys
		out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
		random.seed(1)
		dst = socket.inet_aton(sys.argv[2])
		for _ in range(int(sys.argv[1])):
		    tcp = struct.pack("!HHIIBBHHH", random.randrange(1024, 65536), 25, random.getrandbits(32), 0, 0x50, 2, 64, 0, 0)
		    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0, 64, 6, 0) + random.randbytes(4) + dst
		    try:
		        out.sendto(ip + tcp, (sys.argv[2], 0))
		    except OSError:
		        pass  # the queue of the link is full, or the source is one that no kernel sends
	PY
}

# Connections that begin a line and never end it: `drips` of them with one byte, one with two megabytes.  Prints "held"
# when all is sent, and holds them for ten minutes.
half_lines() { # NAME DRIPS
	lab_start "$1" drips timeout 600 python3 -c "$half_lines_py" "$2" "$(lab_mx4 2)"
}
half_lines_py=$(
	cat <<-'PY'
		import socket, sys, time
		held = []
		for i in range(int(sys.argv[1])):
		    s = socket.create_connection((sys.argv[2], 25), 60)
		    s.sendall(b"M")
		    held.append(s)
		s = socket.create_connection((sys.argv[2], 25), 60)
		s.settimeout(5)
		try:
		    for i in range(200):
		        s.sendall(b"A" * 10000)
		except OSError:
		    pass  # a server that has had enough
		print("held", flush=True)
		time.sleep(600)
	PY
)

# First pieces of datagrams that never become whole, from sources that nobody has.
pieces() { # NAME COUNT
	lab_in "$1" timeout 200 python3 - "$2" "$(lab_mx4 2)" <<-'PY'
		import random, socket, struct, sys
		out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
		random.seed(2)
		dst = socket.inet_aton(sys.argv[2])
		for i in range(int(sys.argv[1])):
		    ip = struct.pack("!BBHHHBBH", 0x45, 0, 516, i % 65535 + 1, 0x2000 | i % 3 * 64, 64, 6, 0)
		    try:
		        out.sendto(ip + random.randbytes(4) + dst + bytes(496), (sys.argv[2], 0))
		    except OSError:
		        pass  # the queue of the link is full, or the source is one that no kernel sends
	PY
}

# A session with AUTH and two recipients, whatever the other side says.
log_in() { # NAME SECRET LOCALPART
	lab_in "$1" timeout 200 python3 - "$(lab_mx4 1)" "$2" "$3" <<-'PY'
		import base64, socket, sys
		s = socket.create_connection((sys.argv[1], 25), 60)
		f = s.makefile("rb")
		def say(line):
		    if line:
		        s.sendall(line.encode() + b"\r\n")
		    while True:
		        r = f.readline()
		        if len(r) < 4 or r[3:4] != b"-":
		            return r
		secret = base64.b64encode(sys.argv[2].encode()).decode()
		say("")
		say("EHLO shop.example")
		say("AUTH PLAIN " + secret)
		say("AUTH LOGIN")
		say(secret)
		say("MAIL FROM:<a@shop.example>")
		for n in range(2):
		    print(say(f"RCPT TO:<{sys.argv[3]}{n}@people.example>"))
		say("QUIT")
	PY
}

lab_need
LAB=fl$$
lab_begin bridged 4 || exit 1
trap 'postfix_stop "$LAB_DIR/mx"; lab_end' EXIT
for t in news club shop; do lab_tenant $t || exit 1; done
cast_internet 4 || exit 1
cast_config "$LAB_DIR/bulkhead.conf" observe "flows_max = 1024"
cast_guard && cast_sensor || exit 1
cast_inventory "$LAB_DIR/servers.csv" news club shop
bulkhead server import "$LAB_DIR/servers.csv" --json >/dev/null

lab_wait 60 sensor_says memory_bytes 0 || exit 1
memory=$(bulkhead status --json | jq '[.sensors[].memory_bytes] | add')
syn_flood club 30000 &
flood=$!
check "6 mails while SYNs flood are accepted" [ "$(cast_send news "$(lab_mx4 1):25" 6 a@news.example x@dest1.example)" -eq 6 ]
wait $flood
check "... and counted" lab_wait 60 is news messages 6
check "the flood pushed connections out, and status says so" lab_wait 60 sensor_says evicted 5000
check "... in words, too" eval 'bulkhead status | grep -q "a flood came"'
check "... of the flooder: no session of the honest one is missing" is news sessions 6

before=$(bulkhead status --json | jq '[.sensors[].pool_exhausted] | add')
half_lines club 600
check "600 half lines are held" lab_wait_line 60 "$LAB_DIR/drips.log" held
check "5 mails while half lines are held are accepted" [ "$(cast_send news "$(lab_mx4 1):25" 5 a@news.example x@dest1.example)" -eq 5 ]
check "... and counted" lab_wait 60 is news messages 11
check "what had to be given up is counted in status" lab_wait 60 sensor_says pool_exhausted "$before"
check "the sensor's memory is what it was" [ "$(bulkhead status --json | jq '[.sensors[].memory_bytes] | add')" = "$memory" ]
lab_stop drips

pieces club 5000 &
flood=$!
check "4 mails while pieces of datagrams flood are accepted" [ "$(cast_send news "$(lab_mx4 1):25" 4 a@news.example x@dest1.example)" -eq 4 ]
wait $flood
check "... and counted" lab_wait 60 is news messages 15
check "what did not become whole is counted in status" lab_wait 60 sensor_says fragments_lost 2000
check "... in words, too" eval 'bulkhead status | grep -q "did not become whole"'
check "... and the sensor's memory is what it was" [ "$(bulkhead status --json | jq '[.sensors[].memory_bytes] | add')" = "$memory" ]

# A million connections that nobody answers, each of a source of its own with its SYN and first bytes, at 100,000 packets
# a second. They end at the gateway, before its conntrack.
rss() { awk '/^VmRSS/ {print $2}' "/proc/${LAB_PID[$1]}/status"; }
lab_in ext nft 'table inet floods { chain raw { type filter hook prerouting priority raw; ip saddr 10.0.0.0/8 drop; }; }'
gateway_mac=$(ip -n "$LAB-ext" -j link show eth0 | jq -r '.[0].address')
evicted=$(bulkhead status --json | jq '[.sensors[].evicted] | add')
sensor_rss=$(rss sensor) guard_rss=$(rss guard)
lab_start club million timeout 300 "$build/tests/lab/flood" eth0 "$gateway_mac" 0 1000000 50000
flood=${LAB_PID[million]}
check "3 mails while a million connections flood are accepted" [ "$(cast_send news "$(lab_mx4 1):25" 3 a@news.example x@dest1.example)" -eq 3 ]
wait "$flood"
check "... which were sent" grep -qx 2000000 "$LAB_DIR/million.log"
check "3 mails after them are accepted" [ "$(cast_send news "$(lab_mx4 1):25" 3 a@news.example x@dest1.example)" -eq 3 ]
check "... and counted, all six" lab_wait 60 is news messages 21
check "status says how many were pushed out" lab_wait 60 sensor_says evicted $((evicted + 900000))
check "the sensor's memory is what it was" [ "$(bulkhead status --json | jq '[.sensors[].memory_bytes] | add')" = "$memory" ]
# What was reserved at the start and not yet touched comes in now, and nothing else.
check "... also to the kernel: $sensor_rss KiB before, $(rss sensor) after" [ "$(rss sensor)" -le $((sensor_rss + memory / 1024)) ]
check "... and the guard's: $guard_rss KiB before, $(rss guard) after" [ "$(rss guard)" -le $((guard_rss + 8192)) ]

log_in shop "shop-Kp7nEverStore$$" "uncommonname$$" >/dev/null
encoded=$(printf 'shop-Kp7nEverStore%s' $$ | base64)
saw() { bulkhead server show shop --json | jq -e '.samples | length > 0' >/dev/null; }
check "the session with AUTH was seen" lab_wait 60 saw
{
	bulkhead status --json
	bulkhead server show shop --json
	bulkhead explain shop --json
	bulkhead events --json
	bulkhead ledger show --json
	bulkhead metrics
} >"$LAB_DIR/said" 2>&1
lab_stop sensor
lab_stop guard
check "the database is there to be searched" [ -s "$LAB_DIR/state/guard.db" ]
for word in "$encoded" "Kp7nEverStore$$" "uncommonname$$"; do
	check "nothing that was written holds ${word:0:12}..." eval '! grep -rqaF -- "$word" "$LAB_DIR/state" "$LAB_DIR/run" "$LAB_DIR/said" "$LAB_DIR/guard.log" "$LAB_DIR/sensor.log"'
done
postfix_stop "$LAB_DIR/mx"
lab_end
lab_summary
