#!/bin/bash
# SPDX-License-Identifier: ISC
# Notices end to end: a guard that enforces, bulkhead-notify, the three hooks, and real receivers: Postfix that
# delivers into mailboxes (through its sendmail, and through msmtp by SMTP), and an HTTPS server that checks signatures.
# Once per case, also over restarts and kill -9; receivers that are down, hang or refuse.  Usage: test_notify.sh BUILD.
set -u
build=$(realpath "${1:?usage: $0 BUILD}")
tree=$(realpath "$(dirname "$0")/../..")
for tool in jq curl msmtp postfix python3 openssl; do
	command -v $tool >/dev/null || [ -x "/usr/sbin/$tool" ] || { echo "$tool is missing: run tests/packages.sh test"; exit 1; }
done
if [ "$(id -u)" -ne 0 ]; then
	echo "skipped: needs root for a network namespace"
	exit 77
fi
[ "${2:-}" = inside ] || exec unshare --net bash "$0" "$build" inside
ip link set lo up
# shellcheck source=tests/lab/postfix.sh
. "$tree/tests/lab/postfix.sh"
work=$(mktemp -d /tmp/bulkhead-notify-XXXXXX)
chmod 755 "$work"
guard=0 notify=0 web=0
end() { [ "$1" -gt 0 ] && kill "-${2:-TERM}" "$1" 2>/dev/null && wait "$1" 2>/dev/null; return 0; }
cleanup() {
	end "$notify"
	end "$guard"
	end "$web"
	postfix_stop "$work/mta"
	rm -rf "$work"
}
trap cleanup EXIT
# shellcheck source=tests/lab/checks.sh
. "$tree/tests/lab/checks.sh"
why() { echo "| $(tail -n 2 "$work/notify.log")"; }

# --- receivers ---
mkdir -p "$work"/{run,state,hooks,web,mail,mta}
postfix_make "$work/mta" mx.provider.example
postfix_certificate "$work/web" localhost
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost -keyout "$work/web/key" -out "$work/web/ca.pem" 2>/dev/null
cat "$work/web/key" "$work/web/ca.pem" >"$work/web/tls.pem"
chown nobody "$work/mail"
cat >>"$work/mta/main.cf" <<-CONF
	inet_interfaces = 127.0.0.1
	inet_protocols = ipv4
	virtual_mailbox_domains = a.example, b.example, provider.example
	virtual_mailbox_base = $work/mail
	virtual_mailbox_maps = static:all/
	virtual_uid_maps = static:65534
	virtual_gid_maps = static:65534
	alternate_config_directories = $work/mta
CONF
{
	echo "127.0.0.1:25 inet n - n - - smtpd"
	echo "virtual unix - n n - - virtual"
} >>"$work/mta/master.cf"
postfix -c "$work/mta" start >"$work/mta/start.log" 2>&1 || { cat "$work/mta/start.log"; exit 1; }
printf 'lab-webhook-key\n' >"$work/hooks/webhook.key"
printf 'Authorization: Token token=lab-secret\n' >"$work/hooks/ticket.header"
chmod 600 "$work/hooks/webhook.key" "$work/hooks/ticket.header"
python3 "$tree/tests/lab/notice_server.py" "$work/web" "$work/hooks/webhook.key" 8443 >"$work/web/log" 2>&1 &
web=$!
soon 60 grep -q ready "$work/web/log" || { cat "$work/web/log"; exit 1; }

# --- guard and carrier ---
printf '#!/bin/sh\nexec /usr/sbin/sendmail -C %s "$@"\n' "$work/mta" >"$work/sendmail"
printf '#!/bin/sh\nexec msmtp --host=127.0.0.1 --port=25 --auth=off --tls=off "$@"\n' >"$work/msmtp"
chmod 755 "$work/sendmail" "$work/msmtp"
mail_conf() { printf 'FROM=abuse@provider.example\nNAME="Хостинг Ex"\nBCC=copy@provider.example\nSENDMAIL=%s\n' "$1" >"$work/hooks/mail.conf"; }
mail_conf "$work/sendmail"
printf 'URL=https://localhost:8443/webhook\nKEY_FILE=%s\nCA_FILE=%s\n' "$work/hooks/webhook.key" "$work/web/ca.pem" >"$work/hooks/webhook.conf"
printf 'URL=https://localhost:8443/api/v1/tickets\nFORM=zammad\nHEADER_FILE=%s\nCA_FILE=%s\nQUEUE=Abuse\n' \
	"$work/hooks/ticket.header" "$work/web/ca.pem" >"$work/hooks/ticket.conf"
cat >"$work/bulkhead.conf" <<CONF
run_dir = "$work/run"
state_dir = "$work/state"
mode = "enforce"
case_url = "https://panel.provider.example/case/%s"
notice_hooks = {"$tree/policy/hooks/mail", "$tree/policy/hooks/webhook", "$tree/policy/hooks/ticket"}
CONF
b=("$build/bulkhead" --config "$work/bulkhead.conf")
start_guard() {
	"$build/bulkhead-guard" --config "$work/bulkhead.conf" >>"$work/guard.log" 2>&1 &
	guard=$!
	soon 60 "${b[@]}" status
}
start_notify() {
	BULKHEAD_HOOK_CONF=$work/hooks BULKHEAD_NOTIFY=$build/bulkhead-notify \
		"$build/bulkhead-notify" --config "$work/bulkhead.conf" >>"$work/notify.log" 2>&1 &
	notify=$!
}
case_of() { "${b[@]}" --json server show "$1" | jq -r .case; }
notices() { "${b[@]}" --json notice list --limit 500 | jq "[.notices[] | select($1)] | length"; }
counts() { [ "$(notices "$1")" = "$2" ]; } # filter number
mails() { cat "$work"/mail/all/new/* 2>/dev/null | grep -c "^X-Bulkhead-Case: $1"; }
mails_are() { [ "$(mails "$1")" = "$2" ]; } # case number: two for each notice, with the copy
took() { [ "$(grep -c -- "$1" "$work/web/requests" 2>/dev/null)" = "$2" ]; } # pattern number

start_guard >"$work/out" 2>&1 || { cat "$work/guard.log"; exit 1; }
{
	echo "server,tenant,interfaces,addresses,contact,lang"
	echo "vm-a,acme,vnet1,192.0.2.1,owner@a.example,ru"
	echo "vm-b,bolt,vnet2,192.0.2.2,admin@b.example,en"
	echo "vm-c,crow,vnet3,192.0.2.3,,en"
	for i in $(seq 4 20); do echo "vm-$i,dust,vnet$i,192.0.2.$i,vm$i@b.example,en"; done
} >"$work/servers.csv"
"${b[@]}" server import "$work/servers.csv" >/dev/null || exit 1
is status-without-carrier grep -q 'nobody carries them' <("${b[@]}" status)
is doctor-without-carrier grep -q 'systemctl start bulkhead-notify' <("${b[@]}" doctor)
start_notify

# --- one block, three hooks ---
"${b[@]}" block vm-a --reason 'complaints' --for 2h >/dev/null
a=$(case_of vm-a)
is mail-arrives soon 60 mails_are "$a" 2
is webhook-arrives soon 60 took "^/webhook 200 block/$a " 1
is ticket-arrives soon 60 took "^/api/v1/tickets 201 " 1
mail=$(grep -l "To: <owner@a.example>" "$work"/mail/all/new/* | head -n 1)
is mail-headers grep -qx 'Auto-Submitted: auto-generated' "$mail"
python3 - "$mail" >"$work/decoded" <<'PY'
import email, email.policy, sys
m = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
print(m["From"].addresses[0].display_name, m["From"].addresses[0].addr_spec, "|", m["Subject"], "|", m["Message-ID"], "|", m.defects)
print(m.get_content())
PY
is mail-subject grep -q "Сервер vm-a: отправка почты на порт 25 закрыта (случай $a)" "$work/decoded"
is mail-sender grep -q 'Хостинг Ex abuse@provider.example' "$work/decoded"
is mail-is-sound grep -q '| \[\]$' "$work/decoded"
is mail-body grep -q 'Осталось: ' "$work/decoded"
is mail-url grep -q "https://panel.provider.example/case/$a" "$work/decoded"
is mail-lines sh -c "! awk 'length > 998' '$mail' | grep ."
is webhook-body sh -c "grep '^/webhook' '$work/web/requests' | cut -d' ' -f4- | jq -e '.version == 1 and .case == \"$a\" and .contact == \"owner@a.example\" and .detail.server == \"vm-a\"'"
is ticket-body sh -c "grep '^/api' '$work/web/requests' | cut -d' ' -f4- | jq -e '.group == \"Abuse\" and (.article.body | test(\"vm-a\"))'"
# What a receiver has got the guard learns a little later: when the hook ends and the carrier answers.
is ledger-knows soon 60 sh -c "'${b[0]}' --config '$work/bulkhead.conf' ledger show | grep -c 'notice.sent' | grep -qx 3"
is status-with-carrier soon 60 sh -c "'${b[0]}' --config '$work/bulkhead.conf' status | grep -q 'notices   3 sent, 0 wait'"

# --- once per case ---
end "$guard"
start_guard
end "$guard" KILL
start_guard
end "$notify"
start_notify
soon 60 sh -c "'${b[0]}' --config '$work/bulkhead.conf' --json status | jq -e '.notices.carrier_heard_s != null'"
is once-after-restarts counts 'true' 3
is once-by-mail mails_are "$a" 2

# --- the guard is killed while it blocks, fifteen times: every case once ---
# Sooner after one that was decided, later after one that was not: so the kill falls into the decision on any machine.
pause_ms=30
for i in $(seq 4 18); do
	"${b[@]}" block "vm-$i" --reason 'lab' >/dev/null &
	one=$!
	pause_us=$((pause_ms * (RANDOM % 1000 + 500)))
	sleep "$((pause_us / 1000000)).$(printf %06d $((pause_us % 1000000)))"
	end "$guard" KILL
	wait "$one"
	start_guard || break
	if [ "$(case_of "vm-$i")" = null ]; then pause_ms=$((pause_ms * 2)); else pause_ms=$((pause_ms > 13 ? pause_ms * 3 / 4 : 10)); fi
done
is every-notice-sent soon 60 counts '.state != "sent" and .hook == "mail"' 0
# What was decided, by the ledger; what is queued, by the queue.
cases=$("${b[@]}" --json ledger show --from 1 | jq '[.entries[] | select(.action == "block") | .detail.case] | unique | length')
is cases-were-made test "$cases" -ge 5
is a-notice-for-each-case counts '.hook == "mail"' "$cases"
twice() { cat "$work"/mail/all/new/* | grep '^X-Bulkhead-Case: ' | sort | uniq -c | awk '$1 != 2'; }
is none-twice soon 60 sh -c "[ \"\$(cat '$work'/mail/all/new/* | grep -c '^X-Bulkhead-Case: ')\" = $((cases * 2)) ]"
is none-twice-each sh -c "[ -z \"$(twice)\" ]"
is ledger-whole "${b[@]}" ledger verify

# --- msmtp, English ---
mail_conf "$work/msmtp"
"${b[@]}" block vm-b --reason 'lab' --for 1h >/dev/null
b_case=$(case_of vm-b)
is msmtp-arrives soon 60 mails_are "$b_case" 2

# --- no address: a dead letter that people see, corrected, retried ---
"${b[@]}" block vm-c --reason 'lab' >/dev/null
is dead-letter soon 60 counts '.state == "dead" and .hook == "mail" and (.error | test("no mail address"))' 1
is dead-in-status grep -q '1 dead (bulkhead notice list --state dead)' <("${b[@]}" status)
is dead-in-doctor grep -q 'notice retry --all' <("${b[@]}" doctor)
"${b[@]}" server set vm-c contact=new@a.example >/dev/null
"${b[@]}" notice retry --all >/dev/null
is retried soon 60 mails_are "$(case_of vm-c)" 2

# --- a receiver that is down: tried again, the others are not held up; one that hangs delays no verdict ---
touch "$work/web/down"
"${b[@]}" block vm-19 --reason 'lab' >/dev/null
d=$(case_of vm-19)
is mail-beside-failures soon 60 mails_are "$d" 2
is failures-wait soon 60 counts '.state == "waiting" and .attempts >= 1 and (.error | test("503"))' 2
rm "$work/web/down"
touch "$work/web/hang"
begin=${EPOCHREALTIME/./}
"${b[@]}" block vm-20 --reason 'lab' >/dev/null
took_us=$((${EPOCHREALTIME/./} - begin))
# A hook may hang for half a minute and more; a person waits for as long as a busy machine needs.
echo "  a block while a hook hangs: $((took_us / 1000)) ms"
is hang-delays-no-block test $took_us -lt 5000000
is hang-leaves-mail soon 60 mails_are "$(case_of vm-20)" 2
begin=${EPOCHREALTIME/./}
"${b[@]}" release vm-20 --reason 'lab' >/dev/null
took_us=$((${EPOCHREALTIME/./} - begin))
echo "  a release: $((took_us / 1000)) ms"
is hang-delays-no-release test $took_us -lt 5000000
rm "$work/web/hang"
is after-hang soon 60 took "^/webhook 200 block/$("${b[@]}" --json notice list | jq -r '[.notices[] | select(.server == "vm-20")][0].about') " 1
is after-down soon 150 took "^/webhook 200 block/$d " 1

# --- secrets ---
is no-secret-in-logs sh -c "! grep -rE 'lab-webhook-key|lab-secret' '$work/guard.log' '$work/notify.log'"
printf 'other-key' >"$work/hooks/webhook.key"
printf Jefe >"$work/jefe"
is hmac-tool sh -c "printf %s 'what do ya want for nothing?' | '$build/bulkhead-notify' --hmac-sha256 '$work/jefe' | grep -q ^5bdcc146bf60754e6a042426089575c7"

end "$notify"
notify=0
is stops-in-order grep -q 'notify.stopped' "$work/notify.log"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
