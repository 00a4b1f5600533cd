#!/bin/bash
# SPDX-License-Identifier: ISC
# What a tenant's real Postfix makes of a block: what its log says, that its queue keeps the mail, and that all of it
# is delivered after the release.  For the reject of the door, for the drop of a kernel that cannot reject, and for the
# notice, with 554 and with 421.
# test_tenant.sh BUILD
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
LAB=${LAB:-ten$$}
. "$here/lab.sh"
. "$here/driver.sh"
. "$here/postfix.sh"
. "$here/cast.sh"
mails=6

logged() { grep -qE "$1" "$LAB_DIR/tenant/mail.log"; }
delivered() { grep -c 'status=sent' "$LAB_DIR/tenant/mail.log"; }
flushed() {
	lab_in shop postqueue -c "$LAB_DIR/tenant" -f 2>/dev/null
	lab_wait 5 has_delivered "$1" # Postfix is asked again then
}
has_delivered() { [ "$(delivered)" -ge "$1" ]; }
queue() { lab_in shop smtp-source -c -N -m "$1" -f shop@shop.example -t reader@dest.example 127.0.0.1:2500 >/dev/null 2>&1; }
queued() { [ "$(postfix_queued "$LAB_DIR/tenant")" = "$1" ]; }

# how: what the refusal is called; log: what Postfix then writes
case_refused() {
	local how=$1 log=$2 before
	tell block vnet1 1h bh-tenant || return 1
	before=$(delivered)
	queue $mails
	check "$how: the log says \"$log\"" lab_wait 60 logged "$log"
	grep -oE "$log" "$LAB_DIR/tenant/mail.log" | tail -n 1 | sed 's/^/  /'
	check "$how: all mail waits in the queue" lab_wait 60 queued $mails
	check "$how: none was returned" eval '! logged "status=bounced"'
	tell release vnet1
	check "$how: after the release all of it is delivered" lab_wait 120 flushed $((before + mails))
	check "$how: exactly once" lab_wait 60 queued 0
	check "$how: as the sink counts" is "$(delivered)" $((before + mails))
}

# A host that routes, with the responder; the guard, because it knows the cases.
case_notice_only() { # CODE
	local code=$1
	cat >"$LAB_DIR/bulkhead.conf" <<-EOF
		run_dir = "$LAB_DIR/run$code"
		state_dir = "$LAB_DIR/state$code"
		user = "nobody"
		mode = "enforce"
		interfaces = {"vnet*"}
		case_url = "https://provider.example/case/%s"
		notice = yes
		notice_addresses = {"203.0.113.1", "2001:db8:fe::1"}
		notice_code = $code
	EOF
	cast_guard && cast_start notice bulkhead-notice 'notice\.ready' || return 1
	cast_inventory "$LAB_DIR/servers.csv" shop
	bulkhead server import "$LAB_DIR/servers.csv" >/dev/null
	lab_wait 60 eval '[ "$(bulkhead status --json | jq .enforcer.notice.responders)" = 1 ]'
	bulkhead block shop --reason test --for 1h >/dev/null
}
case_notice() { # CODE
	local code=$1 case
	case_notice_only "$code" || return 1
	case=$(cast_verdict shop case)
	# What the enforcer's driver is told above is the guard's here, whose block stands already.
	tell() { [ "$1" = block ] || bulkhead release shop --reason done >/dev/null; }
	case_refused "notice $code" "refused to talk to me: $code [45].7.1 outbound SMTP blocked by provider, case $case"
	check "notice $code: the tenant's log holds the address" logged "https://provider.example/case/$case"
	grep -oE 'dsn=[0-9.]+, status=[a-z]+ \(host.*blocked.*\)' "$LAB_DIR/tenant/mail.log" | tail -n 1 | sed 's/^/  /'
	lab_stop notice
	lab_stop guard
}

# smtp_skip_5xx_greeting = no: the mail is returned to its sender, whom it tells why; it is not lost in silence.
case_bounced() {
	case_notice_only 554 || return 1
	queue 1
	check "skip_5xx_greeting=no: 554 returns the mail" lab_wait 60 logged 'status=bounced .*554 5.7.1 outbound SMTP blocked'
	check "skip_5xx_greeting=no: its sender is told" lab_wait 60 logged 'sender non-delivery notification'
	lab_stop notice
	lab_stop guard
}

begin_tenant() { # KIND
	lab_begin "$1" 5 && lab_tenant shop || return 1
	trap 'postfix_stop "$LAB_DIR/tenant"; lab_end' EXIT
	lab_start ext sink smtp-sink -u nobody "$(lab_mx4 2):25" 1000
	lab_wait_listen ext 25
	postfix_make "$LAB_DIR/tenant" shop.example
	cat >>"$LAB_DIR/tenant/main.cf" <<-EOF
		inet_interfaces = 127.0.0.1
		relayhost = [$(lab_mx4 2)]
		smtp_connect_timeout = 2s
		minimal_backoff_time = 1s
		maximal_backoff_time = 2s
		queue_run_delay = 1s
		smtpd_client_connection_count_limit = 0
		$2
	EOF
	echo "127.0.0.1:2500 inet n - n - - smtpd" >>"$LAB_DIR/tenant/master.cf"
	postfix_start "$LAB-shop" "$LAB_DIR/tenant"
}

lab_need
command -v postfix >/dev/null || { echo "postfix is missing: run tests/packages.sh test"; exit 1; }
begin_tenant bridged "" || exit 1
start_enforcer bulkhead 'glob=vnet*' || exit 1
whole_case refused reject 'Connection refused'
stop_enforcer
nft_hv flush ruleset
start_enforcer bulkhead 'glob=vnet*' off=netdev-reject || exit 1
whole_case refused drop 'Connection timed out'
stop_enforcer
postfix_stop "$LAB_DIR/tenant"
lab_end

begin_tenant routed "" || exit 1
whole_case notice 554
whole_case notice 421
postfix_stop "$LAB_DIR/tenant"
lab_end

# The one setting with which a 5xx greeting returns mail at once: what the provider must know before choosing 554.
begin_tenant routed "smtp_skip_5xx_greeting = no" || exit 1
whole_case bounced
lab_summary
