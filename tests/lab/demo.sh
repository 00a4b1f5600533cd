#!/bin/bash
# SPDX-License-Identifier: ISC
# `make run`: the main job at work in network namespaces, with real SMTP, real Postfix and real nftables; or
# `make run IFACE=eth0`: a real interface watched in observe mode.  demo.sh BUILD [IFACE]
# Exits non-zero when the wrong server was blocked or the right one was not.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || { echo "demo.sh: namespaces and captures need root; install sudo or become root" >&2; exit 1; }
	exec sudo "$0" "$@"
fi
[ -n "${2:-}" ] && exec "$here/watch.sh" "$build" "$2"

LAB=${LAB:-demo$$}
. "$here/lab.sh"
. "$here/postfix.sh"
. "$here/cast.sh"
began=$SECONDS
bold= dim= red= green= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
fi
say() { printf '%s%3ds%s  %s\n' "$dim" $((SECONDS - began)) "$plain" "$*"; }
title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

last_mx=20
declare -A what=(
	[shop]="shop, one confirmation an order"
	[news]="newsletter, no grant, IPv4 and IPv6"
	[club]="the same newsletter, with a grant"
	[cms]="broken-into web site, half unknown"
	[tls]="bulk by a real Postfix, STARTTLS only"
)
declare -A want=([shop]=clear [news]=block [club]=clear [cms]=block [tls]=block)
declare -A sent=([shop]=0 [news]=0 [club]=0 [cms]=0 [tls]=0)
cast=(shop news club cms tls)

# --- the hypervisor -----------------------------------------------------------------------------------------
lab_need
title "A hypervisor, five tenants, and an internet of $last_mx MX hosts (network namespaces, removed at the end)"
lab_begin bridged $last_mx || exit 1
trap 'postfix_stop "$LAB_DIR/mx"; postfix_stop "$LAB_DIR/tls"; lab_end' EXIT
for t in "${cast[@]}"; do lab_tenant "$t" || exit 1; done
cast_internet $last_mx || exit 1
cast_config "$LAB_DIR/bulkhead.conf" enforce
cast_guard || exit 1
guard_ms=$cast_ready_ms
cast_sensor || exit 1
say "guard ready after $guard_ms ms, sensor after $cast_ready_ms ms; mode: enforce"
cast_inventory "$LAB_DIR/servers.csv" "${cast[@]}"
say "\$ bulkhead server import servers.csv"
bulkhead server import "$LAB_DIR/servers.csv" | sed 's/^/      /' || exit 1

# --- a grant, made as support would make it ---------------------------------------------------------------
title "The club applies for the whitelist before it sends"
for p in form sample page; do cast_picture "$LAB_DIR/$p.png"; done
cast_mail "$LAB_DIR/club.eml" news@club.example "Club news" unsubscribe
say "\$ bulkhead whitelist apply club --consent form.png --sample club.eml … --domain club.example --per-day 5000"
bulkhead whitelist apply club --consent "$LAB_DIR/form.png" --sample "$LAB_DIR/club.eml" \
	--sample-picture "$LAB_DIR/sample.png" --unsubscribe-picture "$LAB_DIR/page.png" --domain club.example \
	--per-day 5000 --purpose newsletter --list-size 4000 --list-origin "members who ticked the box" \
	--contact post@club.example | sed 's/^/      /' || exit 1
say "\$ bulkhead whitelist check 1"
bulkhead whitelist check 1 | cut -c1-150 | sed 's/^/      /' || exit 1
# The lab has no public DNS or web, and nobody signs the sample: the lab itself is the reason of the override.
say "\$ bulkhead whitelist approve 1 --override --reason 'lab: no DNS, no web site, sample unsigned'"
bulkhead whitelist approve 1 --override --reason 'lab: no DNS, no web site, sample unsigned' | sed 's/^/      /' || exit 1

# --- the story: blocks are told as the guard logs them ------------------------------------------------------
tell_blocks() {
	while read -r line; do
		case $line in
		*guard.block\ *) say "${red}BLOCKED${plain}  $(sed 's/.*guard\.block //' <<<"$line")" ;;
		esac
	done
}
# The reader ends when lab_end ends the tail.
mkfifo "$LAB_DIR/guard.fifo"
tail -n +1 -F "$LAB_DIR/guard.log" >"$LAB_DIR/guard.fifo" 2>/dev/null &
LAB_PID[teller]=$!
tell_blocks <"$LAB_DIR/guard.fifo" &

# mailing NAME FROM SUBJECT: 20 recipients at each MX in turn, IPv4 and IPv6 in turn, until nobody listens any more.
mailing() {
	local name=$1 from=$2 k n total=0 refused=0 to
	cast_mail "$LAB_DIR/$name.mail" "$from" "$3" "${4:-}"
	for ((k = 1; k < last_mx && refused < 2; k++)); do
		to=$(lab_mx4 "$k"):25
		[ $((k % 2)) -eq 0 ] && to="[$(lab_mx6 "$k")]:25"
		n=$(cast_send "$name" "$to" 20 "$from" "reader@dest$k.example" -F "$LAB_DIR/$name.mail")
		total=$((total + n))
		refused=$((n == 20 ? 0 : refused + 1))
	done
	echo "$total" >"$LAB_DIR/$name.sent"
}
orders() {
	local k n=0
	for ((k = 1; k <= 12; k++)); do
		cast_mail "$LAB_DIR/shop.mail" orders@shop.example "Your order $((4000 + RANDOM))"
		n=$((n + $(cast_send shop "$(lab_mx4 "$k"):25" 1 orders@shop.example "buyer$k@dest$k.example" -F "$LAB_DIR/shop.mail")))
		sleep 0.7
	done
	echo $n >"$LAB_DIR/shop.sent"
}
broken_into() {
	local k n=0 got
	for ((k = 1; k <= 8; k++)); do
		got=$(cast_send cms "$(lab_mx4 $last_mx):25" 10 "info$k@victim.example" "$(tr -dc a-z </dev/urandom | head -c 6)@people.example" -A)
		n=$((n + got))
		[ "$got" -eq 0 ] && break
	done
	echo $n >"$LAB_DIR/cms.sent"
}
tls_bulk() {
	local dir=$LAB_DIR/tls
	postfix_make "$dir" tls.example
	cat >>"$dir/main.cf" <<-EOF
		inet_interfaces = 127.0.0.1
		relayhost = [$(lab_mx4 $last_mx)]
		smtp_tls_security_level = encrypt
		smtp_destination_concurrency_limit = 2
		initial_destination_concurrency = 2
		minimal_backoff_time = 300s
		smtpd_client_connection_count_limit = 0
	EOF
	echo "127.0.0.1:2500 inet n - n - - smtpd" >>"$dir/master.cf"
	postfix_start "$LAB-tls" "$dir" || return 1
	cast_mail "$LAB_DIR/tls.mail" offers@tls.example "Offers of the week"
	cast_send tls 127.0.0.1:2500 300 offers@tls.example reader@dest1.example -F "$LAB_DIR/tls.mail" -s 2 >"$LAB_DIR/tls.queued"
}

title "Everybody sends"
orders &
jobs=($!)
say "news  sends a newsletter to 380 readers of 19 domains, without a grant"
mailing news news@news.example "News of the week" &
jobs+=($!)
say "club  sends the same to 380 members, with its grant"
mailing club news@club.example "Club news" unsubscribe &
jobs+=($!)
say "cms   was broken into: half of its recipients do not exist"
broken_into &
jobs+=($!)
say "tls   queues 300 mails in its Postfix, which insists on STARTTLS"
tls_bulk
wait "${jobs[@]}"
for t in news cms tls; do lab_wait 60 cast_is "$t" block; done
lab_wait 3 false # what was in flight arrives
for t in shop news club cms; do sent[$t]=$(cat "$LAB_DIR/$t.sent"); done
sent[tls]=$(grep -c 'status=sent' "$LAB_DIR/tls/mail.log")

# What the summary will say, before anything is released.
declare -A verdict=() question=() case_id=() passed=()
for t in "${cast[@]}"; do
	verdict[$t]=$(cast_verdict "$t" verdict)
	question[$t]=$(cast_verdict "$t" 'question // "-"')
	case_id[$t]=$(cast_verdict "$t" 'case // "-"')
	passed[$t]=-
	[ "${case_id[$t]}" = - ] || passed[$t]=$(bulkhead explain "${case_id[$t]}" --json | jq -r .messages_before_block)
done

# --- a block explains itself, and ends ----------------------------------------------------------------------
title "A block explains itself: \$ bulkhead explain news"
bulkhead explain news | sed 's/^/      /'
title "The mail of a blocked server is kept by its Postfix, and flows after the release"
queued=$(postfix_queued "$LAB_DIR/tls")
say "tls: ${sent[tls]} delivered, $queued wait in its queue: \"$(grep -oE 'Connection refused|lost connection[^)]*' "$LAB_DIR/tls/mail.log" | tail -n 1)\""
say "\$ bulkhead release tls --reason 'spoke with the tenant'"
bulkhead release tls --reason 'spoke with the tenant' | sed 's/^/      /'
before=${sent[tls]}
ip netns exec "$LAB-tls" postqueue -c "$LAB_DIR/tls" -f 2>/dev/null
flows_again() { [ "$(grep -c 'status=sent' "$LAB_DIR/tls/mail.log")" -gt "$before" ]; }
released=no
lab_wait 60 flows_again && released=yes
# All that waited goes out, and the rest of a mailing that a person released does not block it again.
drained() { ip netns exec "$LAB-tls" postqueue -c "$LAB_DIR/tls" -f 2>/dev/null; [ "$(postfix_queued "$LAB_DIR/tls")" -eq 0 ]; }
drains=no
lab_wait 120 drained && [ "$(cast_verdict tls verdict)" != block ] && drains=yes
say "tls: $(grep -c 'status=sent' "$LAB_DIR/tls/mail.log") delivered now, $(postfix_queued "$LAB_DIR/tls") wait; it is $(cast_verdict tls verdict)"

# --- the summary -------------------------------------------------------------------------------------------
title "Summary"
wrong=0
printf '      %s%-6s %-39s %9s  %-8s %-8s %-14s %8s %s\n' "$bold" server "who it is" delivered verdict question case "let pass" "$plain"
for t in "${cast[@]}"; do
	mark="${green}as it must be$plain"
	# watch and warn are below every restriction: the server sends as it likes
	seen=${verdict[$t]}
	[ "$seen" = watch ] || [ "$seen" = warn ] && seen=clear
	[ "$seen" = "${want[$t]}" ] || { mark="${red}WRONG: must be ${want[$t]}$plain"; wrong=$((wrong + 1)); }
	printf '      %-6s %-39s %9s  %-8s %-8s %-14s %8s  %s\n' "$t" "${what[$t]}" "${sent[$t]}" "${verdict[$t]}" "${question[$t]}" "${case_id[$t]}" "${passed[$t]}" "$mark"
done
[ "${sent[shop]}" -eq 12 ] || { echo "      ${red}WRONG: the shop delivered ${sent[shop]} of 12$plain"; wrong=$((wrong + 1)); }
[ "${sent[club]}" -eq 380 ] || { echo "      ${red}WRONG: the club delivered ${sent[club]} of 380$plain"; wrong=$((wrong + 1)); }
[ $drains = yes ] || { echo "      ${red}WRONG: the backlog did not drain after the release$plain"; wrong=$((wrong + 1)); }
[ $released = yes ] || { echo "      ${red}WRONG: nothing flowed after the release$plain"; wrong=$((wrong + 1)); }
pids="${LAB_PID[sensor]} ${LAB_PID[guard]} $(pgrep -P "${LAB_PID[guard]}" 2>/dev/null)"
echo
say "resident memory of sensor, guard and enforcer: $(cast_resident $pids) MiB; $(bulkhead ledger verify | head -n 1)"
say "everything above is gone in a moment: namespaces, daemons, files"
[ $wrong -eq 0 ]
