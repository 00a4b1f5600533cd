#!/bin/bash
# SPDX-License-Identifier: ISC
# The notice responder in the lab: a blocked server is told in words, with its case, over IPv4 and IPv6; everything
# that cannot be told is reset as without it; and our own words are no evidence against anybody.
# test_notice.sh BUILD
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
LAB=${LAB:-not$$}
. "$here/lab.sh"
. "$here/postfix.sh"
. "$here/cast.sh"
tcp=$here/tcp.py
here4=203.0.113.1 here6=2001:db8:fe::1 # the hypervisor's end of the uplink

greet() { lab_in "$1" timeout 30 python3 "$tcp" greet "$2" "${@:3}"; }
ask() { lab_in "$1" timeout 30 python3 "$tcp" ask "$2" 25 "$3"; }
try() { lab_in "$1" timeout 30 python3 "$tcp" try "$2" 25; }
sees() { [ "$(try "$1" "$2")" = "$3" ]; }
told() { greet "$1" "$2" 25 | grep -qE "$3"; }
status() { bulkhead status --json | jq -r ".enforcer.notice.$1"; }
is_status() { [ "$(status "$1")" = "$2" ]; }
attempts() { lab_in hv nft -j list set netdev bulkhead blocked | jq '[.nftables[].set.elem // empty | .[].elem.counter.packets] | add'; }
cast_notice() { cast_start notice bulkhead-notice 'notice\.ready'; }
memory() { awk '/^VmRSS/ {print $2}' "/proc/${LAB_PID[notice]}/status"; }
flood() { # NAME COUNT: connections one after the other, prints how many were told, refused, others
	lab_in "$1" timeout 300 python3 - "$2" "$(lab_mx4 3)" <<-'PY'
		import collections, socket, sys
		seen, kept = collections.Counter(), []
		for i in range(int(sys.argv[1])):
		    try:
		        s = socket.create_connection((sys.argv[2], 25), 30)
		        line = s.recv(300)
		        seen["told" if line.startswith(b"554 ") else "other"] += 1
		        kept.append(s)
		    except OSError as e:
		        seen["refused" if isinstance(e, ConnectionRefusedError) else type(e).__name__] += 1
		print(*(f"{k}={seen[k]}" for k in sorted(seen)))
	PY
}

# Everything that a blocked server sees, on a routed host.
routed() {
	local case words before
	printf 'notice = yes\n' >"$LAB_DIR/bad.conf"
	check "notice without an address is refused in words" eval '"$build/bulkhead" --config "$LAB_DIR/bad.conf" config check 2>&1 | grep -q notice_addresses'
	check "without a responder a blocked server is reset" eval 'bulkhead block shop --reason test --for 1h >/dev/null && sees shop "$(lab_mx4 3)" refused'
	check "and status says so" eval 'bulkhead status | grep -q "nobody answers: start bulkhead-notice"'
	check "doctor too" eval 'bulkhead doctor | grep -q "fail  notice"'
	cast_notice || return 1
	check "the responder hears the guard" lab_wait 60 is_status responders 1
	case=$(cast_verdict shop case)
	words="^554 5.7.1 outbound SMTP blocked by provider, case $case, https://provider.example/case/$case"
	# It is heard when it has connected; what stands it learns behind that.
	check "greeted with the case and its address over IPv4" lab_wait 60 told shop "$(lab_mx4 3)" "$words\$"
	check "and over IPv6" told shop "$(lab_mx6 3)" "$words\$"
	greet shop "$(lab_mx4 3)" 25 | sed 's/^/  /'
	check "commands are answered, QUIT ends it" eval '[ "$(greet shop "$(lab_mx4 3)" 25 "EHLO a" "QUIT" | sed 1d | cut -c1-9 | paste -sd,)" = "503 5.5.1,221 2.0.0,closed" ]'
	check "another server is untouched" eval '[ "$(ask news "$(lab_mx4 3)" a)$(ask news "$(lab_mx6 3)" b)" = ab ]'
	check "mail is received" eval '[ "$(lab_in ext timeout 30 python3 "$tcp" try "$(lab_addr4 shop)" 25)" = open ]'
	check "a relay stays reachable" eval '[ "$(ask shop "$(lab_mx4 9)" hello)" = hello ]'
	check "other ports stay open" eval '[ "$(lab_in shop python3 "$tcp" try "$(lab_mx4 3)" 2525)" = open ]'
	before=$(attempts)
	for _ in 1 2 3; do greet shop "$(lab_mx4 3)" 25 "EHLO a" QUIT >/dev/null; done
	check "an attempt is counted once, whatever it says" [ "$(attempts)" -eq $((before + 3)) ]
	check "who was not redirected hears nothing" eval '[ -z "$(greet ext "$here4" 2526 2>&1 | grep 554)" ]'
	check "the block's release lets mail flow at once" eval 'bulkhead release shop --reason done >/dev/null && [ "$(ask shop "$(lab_mx4 3)" hello)" = hello ]'
}

# A session that runs when the block comes, and the brake of a link that asks without end.
cut_and_paced() {
	local held rss
	mkfifo "$LAB_DIR/held.in"
	lab_in shop python3 "$tcp" hold "$(lab_mx4 3)" 25 <"$LAB_DIR/held.in" >"$LAB_DIR/held.out" 2>&1 &
	held=$!
	exec 8>"$LAB_DIR/held.in"
	lab_wait_line 60 "$LAB_DIR/held.out" open
	echo x >&8
	check "a session flows" lab_wait_line 60 "$LAB_DIR/held.out" echo
	bulkhead block shop --reason test --for 1h >/dev/null
	echo x >&8
	check "and is reset by the block" lab_wait_line 60 "$LAB_DIR/held.out" reset
	exec 8>&-
	wait $held 2>/dev/null
	rss=$(memory)
	flood shop 300 >"$LAB_DIR/flood.out"
	echo "  300 connections at once: $(cat "$LAB_DIR/flood.out")"
	check "a flood is told, then reset" grep -qE '^refused=[0-9]+ told=1[0-9]{2}$' "$LAB_DIR/flood.out"
	check "of those a link holds some dozens at most" eval '[ "$(lab_in hv ss -Htn state established "sport = :2526" | wc -l)" -le 32 ]'
	check "its memory stays ($rss, then $(memory) KiB)" [ "$(memory)" -lt $((rss + 1024)) ]
	check "another blocked server is told meanwhile" eval 'bulkhead block news --reason test --for 1h >/dev/null && told news "$(lab_mx4 3)" "case $(cast_verdict news case)"'
	bulkhead release news --reason done >/dev/null
}

files_of() { find "/proc/$1/fd" -lname "/*" -printf "%l\n"; } # PID
jailed() {
	local proc=/proc/${LAB_PID[notice]}
	check "the responder is not root" [ "$(awk '/^Uid:/ { print $2 }' "$proc/status")" != 0 ]
	check "it has no capability" [ "$(sed -n 's/^CapPrm:\t//p' "$proc/status")" = 0000000000000000 ]
	check "it can gain none" grep -q 'NoNewPrivs:	1' "$proc/status"
	grep -q "clang\|asan" "$proc/maps" || check "it is under seccomp" grep -q 'Seccomp:	2' "$proc/status"
	# What this shell was started with, everybody here has inherited.
	check "it holds sockets and no files" eval '! files_of "${LAB_PID[notice]}" | grep -vE "^/dev/null$|\.log$" | grep -vxF "$(files_of $$)"'
	check "it takes less than 8 MiB ($(memory) KiB)" [ "$(memory)" -lt 8192 ]
}

# Whatever dies, nothing opens.
faults() {
	lab_stop notice KILL
	check "the responder is dead: reset" sees shop "$(lab_mx4 3)" refused
	cast_notice
	check "a new one knows the cases" lab_wait 60 told shop "$(lab_mx4 3)" "case $(cast_verdict shop case)"
	lab_stop guard KILL
	check "the guard is dead: still told" lab_wait 60 told shop "$(lab_mx4 3)" '^554 .* case bh-'
	cast_guard
	check "the next guard is heard" lab_wait 60 is_status responders 1
	lab_in hv nft flush ruleset
	check "after a flush by another hand: told again" lab_wait 60 told shop "$(lab_mx4 3)" '^554 .* case bh-'
	lab_in hv nft 'add table inet foreign; add chain inet foreign m { type filter hook prerouting priority -150; }; add rule inet foreign m meta mark set 0x7'
	check "another's rules that overwrite the mark open nothing" sees shop "$(lab_mx4 3)" refused
	lab_in hv nft delete table inet foreign
	check "told again without them" lab_wait 60 told shop "$(lab_mx4 3)" '^554 '
	# The tap becomes a port of a bridge: nothing can be redirected there.
	check "status counts routed links" is_status links 2
	ip -n "$LAB-hv" link add br9 type bridge
	ip -n "$LAB-hv" link set vnet1 master br9
	check "a bridged link is said to be reset" lab_wait 60 is_status reset_links 1
	check "its door resets" lab_wait 60 eval 'lab_in hv nft list chain netdev bulkhead "door_$(cat_index vnet1)" | grep -q "jump smtp$"'
	ip -n "$LAB-hv" link set vnet1 nomaster
	check "and back" lab_wait 60 eval 'is_status links 2 && told shop "$(lab_mx4 3)" "^554 "'
}
cat_index() { ip -n "$LAB-hv" -o link show "$1" | cut -d: -f1; }

# The sensor sees our greeting as it would any other's; it must not become evidence of abuse.
no_evidence() {
	local k
	bulkhead block shop --reason test --for 1h >/dev/null
	cast_sensor || return 1
	for k in 1 2 3 4 5 6 7 8 10 11 12; do greet shop "$(lab_mx4 "$k")" 25 "EHLO shop" QUIT >/dev/null; done
	check "the sensor saw the attempts" lab_wait 60 eval '[ "$(cast_verdict shop counts.sessions 2>/dev/null || echo 0)" != 0 ]'
	lab_stop sensor
	check "and said so to the end" lab_wait 60 eval '[ "$(bulkhead status --json | jq "[.sensors[] | select(.connected)] | length")" = 0 ]'
	check "our own refusals are no evidence of abuse" [ "$(cast_verdict shop "abuse.score == 0")" = true ]
	bulkhead release shop --reason done >/dev/null
}

only_ipv4() {
	lab_stop notice
	lab_stop guard
	sed -i 's/^notice_addresses.*/notice_addresses = {"203.0.113.1"}/; s/^notice_code.*/notice_code = 421/' "$LAB_DIR/bulkhead.conf"
	cast_guard && cast_notice || return 1
	lab_wait 60 is_status responders 1
	check "421 instead of 554" lab_wait 60 told shop "$(lab_mx4 3)" '^421 4.7.1 outbound'
	check "a protocol without an address of ours is reset" sees shop "$(lab_mx6 3)" refused
	lab_stop notice
	lab_stop guard
	sed -i 's/^notice = .*/notice = no/' "$LAB_DIR/bulkhead.conf"
	check "switched off, the program says so and ends" eval 'lab_in hv timeout 60 "$build/bulkhead-notice" --config "$LAB_DIR/bulkhead.conf" 2>&1 | grep -q notice.off'
	cast_guard || return 1
	check "and a blocked server is reset" eval 'sees shop "$(lab_mx4 3)" refused && sees shop "$(lab_mx6 3)" refused'
	check "nothing of the redirection is left" eval '! lab_in hv nft list ruleset | grep -q dnat'
}

config() {
	cast_config "$LAB_DIR/bulkhead.conf" enforce
	cat >>"$LAB_DIR/bulkhead.conf" <<-EOF
		relays = {"$(lab_mx4 9)"}
		notice = yes
		notice_addresses = {$1}
		notice_code = 554
	EOF
	cast_guard || return 1
	cast_inventory "$LAB_DIR/servers.csv" shop news
	bulkhead server import "$LAB_DIR/servers.csv" >/dev/null
}

lab_need
command -v jq >/dev/null || { echo "jq is missing: run tests/packages.sh test"; exit 1; }
lab_begin routed 12 && lab_tenant shop && lab_tenant news || exit 1
lab_start ext mx python3 "$tcp" serve 25 2525
lab_start shop mail python3 "$tcp" serve 25
lab_wait_listen ext 25 && lab_wait_listen shop 25 || exit 1
config "\"$here4\", \"$here6\"" || exit 1
for part in routed no_evidence cut_and_paced jailed faults only_ipv4; do
	$part || check "$part goes to its end" false
done
lab_end

lab_begin bridged 5 && lab_tenant shop && lab_tenant news || exit 1
lab_start ext mx python3 "$tcp" serve 25
lab_wait_listen ext 25
ip -n "$LAB-hv" addr add 192.0.2.254/24 dev br0
config '"192.0.2.254"' || exit 1
cast_notice || exit 1
lab_wait 60 is_status responders 1
bulkhead block shop --reason test --for 1h >/dev/null
check "bridged: a blocked server is reset" eval 'sees shop "$(lab_mx4 3)" refused && sees shop "$(lab_mx6 3)" refused'
check "bridged: status says that it is" eval 'bulkhead status | grep -q "0 routed links are answered, 2 bridged links are reset"'
check "bridged: another is untouched" sees news "$(lab_mx4 3)" open
lab_end
lab_summary
