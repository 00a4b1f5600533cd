#!/bin/bash
# SPDX-License-Identifier: ISC
# What a tenant's real Postfix makes of a block: what its log says, that its queue keeps the mail, and that all of it
# is delivered after the release.  For the reject of the door and for the drop of a kernel that cannot reject.
# test_tenant.sh BUILD
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
LAB=${LAB:-ten$$}
. "$here/lab.sh"
. "$here/driver.sh"
. "$here/postfix.sh"
mails=6

logged() { grep -qE "$1" "$LAB_DIR/tenant/mail.log"; }
delivered() { grep -c 'status=sent' "$LAB_DIR/tenant/mail.log"; }
flushed() {
	lab_in shop postqueue -c "$LAB_DIR/tenant" -f 2>/dev/null
	lab_wait 2 has_delivered "$1"
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
	check "$how: the log says \"$log\"" lab_wait 30 logged "$log"
	grep -oE "$log" "$LAB_DIR/tenant/mail.log" | tail -n 1 | sed 's/^/  /'
	check "$how: all mail waits in the queue" lab_wait 5 queued $mails
	check "$how: none was returned" eval '! logged "status=bounced"'
	tell release vnet1
	check "$how: after the release all of it is delivered" lab_wait 40 flushed $((before + mails))
	check "$how: exactly once" lab_wait 2 queued 0
	check "$how: as the sink counts" is "$(delivered)" $((before + mails))
}

lab_need
command -v postfix >/dev/null || { echo "skipped: postfix is not installed"; exit 77; }
lab_begin bridged 5 && lab_tenant shop || exit 1
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
EOF
echo "127.0.0.1:2500 inet n - n - - smtpd" >>"$LAB_DIR/tenant/master.cf"
postfix_start "$LAB-shop" "$LAB_DIR/tenant" || exit 1
start_enforcer bulkhead 'glob=vnet*' || exit 1
case_refused reject 'Connection refused'
stop_enforcer
nft_hv flush ruleset
start_enforcer bulkhead 'glob=vnet*' off=netdev-reject || exit 1
case_refused drop 'Connection timed out'
stop_enforcer
lab_summary
