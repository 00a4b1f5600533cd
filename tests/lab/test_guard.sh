#!/bin/bash
# SPDX-License-Identifier: ISC
# The whole product in the lab: what the sensor saw is what the kernel does.  A mailing without a grant is blocked on
# IPv4 and IPv6 and its running sessions are cut, everything else stays open, the granted one and the others are left
# alone, a release lets mail flow again, and a guard that was killed keeps its blocks.  test_guard.sh BUILD [bridged|routed]
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
kinds=${2:-bridged routed}
. "$here/lab.sh"
. "$here/postfix.sh"
. "$here/cast.sh"
tcp=$here/tcp.py

# connects NAME ADDRESS PORT: a connection is accepted; refused: it is answered with a reset.
answer() { lab_in "$1" timeout 30 python3 "$tcp" try "$2" "$3"; }
connects() { [ "$(answer "$@")" = open ]; }
refused() { [ "$(answer "$@")" = refused ]; }
quick_ms=1000
[ -r /proc/pressure/cpu ] || quick_ms=4000 # this kernel does not tell how busy it was
quick() { [ $((cast_ready_ms - cast_busy_ms)) -lt $quick_ms ]; }
element_names() { lab_in hv nft -j list set netdev bulkhead blocked 2>/dev/null | jq -r '.nftables[].set.elem // [] | .[].elem.val' | sort | paste -sd' '; }

run() {
	local kind=$1 held n session rss
	LAB=gd$$${kind:0:1}
	lab_begin "$kind" 6 || return 1
	trap 'postfix_stop "$LAB_DIR/mx"; lab_end' EXIT
	for t in news club shop; do lab_tenant $t || return 1; done
	cast_internet 6 || return 1
	cast_config "$LAB_DIR/bulkhead.conf" enforce
	cast_guard || return 1
	check "$kind: the guard is ready in under a second ($cast_ready_ms ms, $cast_busy_ms of them with a busy machine)" quick
	cast_sensor || return 1
	check "$kind: so is the sensor ($cast_ready_ms ms, $cast_busy_ms)" quick
	cast_inventory "$LAB_DIR/servers.csv" news club shop
	check "$kind: the inventory is imported" bulkhead server import "$LAB_DIR/servers.csv" --json

	cast_picture "$LAB_DIR/p.png"
	cast_mail "$LAB_DIR/club.eml" news@club.example "Club news" unsubscribe
	bulkhead whitelist apply club --consent "$LAB_DIR/p.png" --sample "$LAB_DIR/club.eml" \
		--sample-picture "$LAB_DIR/p.png" --unsubscribe-picture "$LAB_DIR/p.png" --domain club.example --per-day 5000 \
		--purpose newsletter --list-size 4000 --list-origin "members" --contact a@club.example >"$LAB_DIR/apply.log" 2>&1
	checks_pass() {
		bulkhead whitelist check 1 --json | jq -e '[.report.results[] |
			select(.id == "M11" or .id == "C5" or .id == "U7" or .id == "D15") | .level] |
			length >= 4 and all(. == "pass")'
	}
	approval_is_refused() { bulkhead whitelist approve 1 2>&1 | grep -q 'M4 failed'; }
	check "$kind: the sample and its pictures are checked" \
		checks_pass
	check "$kind: without DKIM and DNS there is no approval" approval_is_refused
	check "$kind: the club's application is approved by override" \
		bulkhead whitelist approve 1 --override --reason 'lab: no DNS, sample unsigned' --json

	# A session that runs before the block, idle, to be cut by it.
	cast_mail "$LAB_DIR/news.mail" news@news.example "News of the week"
	mkfifo "$LAB_DIR/held.in"
	lab_in news python3 "$tcp" hold "$(lab_mx4 3)" 25 <"$LAB_DIR/held.in" >"$LAB_DIR/held.out" 2>&1 &
	held=$!
	exec 8>"$LAB_DIR/held.in"
	lab_wait_line 60 "$LAB_DIR/held.out" .

	# The mailing, over both protocols, as an MTA would: a session a message.
	n=0
	for k in 1 2 3 4 5; do
		n=$((n + $(cast_send news "$(lab_mx4 $k):25" 20 news@news.example "reader@dest$k.example" -F "$LAB_DIR/news.mail")))
		n=$((n + $(cast_send news "[$(lab_mx6 $k)]:25" 20 news@news.example "friend@dest$k.example" -F "$LAB_DIR/news.mail")))
		cast_send club "$(lab_mx4 $k):25" 40 news@club.example "member@dest$k.example" -F "$LAB_DIR/club.eml" >>"$LAB_DIR/club.n"
	done
	check "$kind: the mailing without a grant is blocked" lab_wait 60 cast_is news block
	check "$kind: ... after $n of 200 messages" [ "$n" -lt 100 ]
	check "$kind: the granted one delivered all of its 200" [ "$(paste -sd+ "$LAB_DIR/club.n" | bc)" -eq 200 ]
	check "$kind: ... and is not blocked" [ "$(cast_verdict club verdict)" != block ]
	check "$kind: port 25 is refused over IPv4" lab_wait 60 refused news "$(lab_mx4 1)" 25
	check "$kind: port 25 is refused over IPv6" refused news "$(lab_mx6 1)" 25
	check "$kind: port 587 stays open" connects news "$(lab_mx4 1)" 587
	check "$kind: every other port stays open" connects news "$(lab_mx4 1)" 2525
	check "$kind: another server is untouched" connects shop "$(lab_mx4 1)" 25
	check "$kind: ... over IPv6 too" connects shop "$(lab_mx6 1)" 25
	echo poke >&8
	check "$kind: the running session was cut" lab_wait_line 60 "$LAB_DIR/held.out" 'reset|closed'
	exec 8>&-
	kill $held 2>/dev/null
	wait $held 2>/dev/null
	check "$kind: explain names the case and the numbers" grep -q 'different recipients in 5 minutes' <(bulkhead explain news)
	session=$(cast_verdict news case)
	check "$kind: ... in Russian as well" grep -q "$session" <(bulkhead explain news --lang ru)

	# The guard dies without a word: the kernel goes on, and a new guard knows what stands and why.
	lab_stop guard KILL
	check "$kind: the guard is killed: still refused" refused news "$(lab_mx4 1)" 25
	cast_guard || return 1
	check "$kind: a new guard: still refused" refused news "$(lab_mx4 1)" 25
	check "$kind: ... and it knows the verdict and the case" [ "$(cast_verdict news verdict) $(cast_verdict news case)" = "block $session" ]
	check "$kind: ... and the grant" [ "$(bulkhead whitelist show 1 --json | jq -r .grant.state)" = active ]
	check "$kind: kernel and database agree" [ "$(element_names)" = "$(lab_port news)" ]
	sensor_is_back() { [ "$(bulkhead status --json | jq '[.sensors[] | select(.last_heard_s != null and .last_heard_s < 3)] | length')" -ge 1 ]; }
	check "$kind: ... and the sensor comes back to it" lab_wait 60 sensor_is_back

	check "$kind: a release" bulkhead release news --reason "test"
	check "$kind: port 25 is open again" lab_wait 60 connects news "$(lab_mx4 1)" 25
	check "$kind: mail flows again" [ "$(cast_send news "$(lab_mx4 2):25" 3 news@news.example again@dest2.example)" -eq 3 ]

	# Every second of these people does not exist: no grant is leave for that.
	for n in member friend reader person anyone nobody; do
		cast_is club block && break
		cast_send club "$(lab_mx4 6):25" 20 news@club.example "$n@people.example" -A -F "$LAB_DIR/club.eml" >"$LAB_DIR/dead.n"
	done
	grant_is() { [ "$(bulkhead whitelist show 1 --json | jq -r .grant.state)" = "$1" ]; }
	check "$kind: a granted server that mails people who do not exist is blocked" lab_wait 60 cast_is club block
	check "$kind: ... as abuse" [ "$(cast_verdict club question)" = abuse ]
	check "$kind: ... and its grant is suspended" lab_wait 60 grant_is suspended
	check "$kind: ... with the case in the ledger" grep -q "$(cast_verdict club case)" <(bulkhead ledger show --json | jq -c '.. | select(type == "object" and .action? == "whitelist.suspend")')
	check "$kind: a person lets it go" bulkhead release club --reason "list was cleaned"
	check "$kind: ... and resumes the grant" bulkhead whitelist resume 1 --reason "list was cleaned"
	check "$kind: ... which is active again" grant_is active
	check "$kind: nothing stands in the kernel" lab_wait 60 eval '[ -z "$(element_names)" ]'
	check "$kind: a person's block" bulkhead block shop --reason "asked for" --for 2m
	check "$kind: ... is refused" lab_wait 60 refused shop "$(lab_mx6 1)" 25
	check "$kind: the ledger is whole" bulkhead ledger verify
	rss=$(cast_resident "${LAB_PID[sensor]}" "${LAB_PID[guard]}" $(pgrep -P "${LAB_PID[guard]}"))
	check "$kind: sensor, guard and enforcer together are below 64 MiB ($rss MiB)" [ "${rss%.*}" -lt 64 ]
	lab_stop sensor
	lab_stop guard
	check "$kind: a stopped guard leaves the block in place" refused shop "$(lab_mx6 1)" 25
	postfix_stop "$LAB_DIR/mx"
	lab_end
}

lab_need
for kind in $kinds; do run "$kind" || { echo "the $kind lab broke off"; LAB_FAILED=$((LAB_FAILED + 1)); }; done
lab_summary
