#!/bin/bash
# SPDX-License-Identifier: ISC
# bulkhead with a real guard, in a network namespace of its own: inventory, decisions, whitelist, ledger.
# Usage: test_guard.sh BUILD.  Needs root (the guard's enforcer wants CAP_NET_ADMIN in its namespace).
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
guard_pid=
cleanup() {
	if [ -n "$guard_pid" ]; then
		kill "$guard_pid"
		wait "$guard_pid"
	fi
	rm -rf "$work"
}
trap cleanup EXIT
if [ "$(id -u)" -ne 0 ]; then
	echo "skipped: needs root for a network namespace"
	exit 77
fi

chmod 755 "$work"
mkdir run state
printf 'run_dir = "%s/run"\nstate_dir = "%s/state"\n' "$work" "$work" >bulkhead.conf
# exec: the process that is killed at the end is the guard itself.
unshare --net "$build/bulkhead-guard" --config bulkhead.conf >guard.log 2>&1 &
guard_pid=$!
for _ in $(seq 100); do
	"$bulkhead" --config bulkhead.conf status >/dev/null 2>&1 && break
	sleep 0.1
done
b=("$bulkhead" --config "$work/bulkhead.conf")
prints status 'enforcer  pid' "${b[@]}"
prints status-json '"mode": "observe"' "${b[@]}" --json
prints another-socket '"mode"' "$bulkhead" --socket "$work/run/ctl.sock" status --json

# --- inventory ---
cat >servers.csv <<'CSV'
server,tenant,plan,virtualization,interfaces,macs,addresses,contact,lang
vm-7,acme,,kvm,vnet7,52:54:00:00:00:07,192.0.2.7;2001:db8:7::/64,a@acme.example,ru
vm-10,bolt,,kvm,vnet10,,192.0.2.10,,
ct-1,crow,,container,vnet11,,192.0.2.11,,
CSV
prints import '^3 added' "${b[@]}" server import servers.csv
prints import-again '3 unchanged' "${b[@]}" server import servers.csv
printf 'server,addresses\nvm-1,192.0.2.1\nvm-2,banana\n' >bad.csv
refused import-bad 1 'bad.csv:3' "${b[@]}" server import bad.csv
prints nothing-changed '3 unchanged' "${b[@]}" server import servers.csv
prints list '^vm-7 ' "${b[@]}" server list
"${b[@]}" server list | awk 'NR > 1 { print $1 }' | paste -sd' ' >order
prints list-order '^ct-1 vm-7 vm-10$' cat order
prints show '2001:db8:7::/64' "${b[@]}" server show vm-7
refused show-unknown 1 'no server "vm-99"' "${b[@]}" server show vm-99
prints set 'plan big' "${b[@]}" server set vm-7 plan=big
refused set-unknown 1 'no server "vm-99"' "${b[@]}" server set vm-99 plan=big
refused set-key 1 'has no "colour"' "${b[@]}" server set vm-7 colour=red
refused set-overlap 1 'vm-10' "${b[@]}" server set vm-7 addresses=192.0.2.10
prints set-new 'vnet99' "${b[@]}" server set vm-99 --new virtualization=kvm interfaces=vnet99
prints remove 'no longer' "${b[@]}" server remove vm-99

# --- decisions ---
prints mode '^enforce' "${b[@]}" mode enforce
prints block 'case bh-' "${b[@]}" block vm-7 --reason 'complaints from example.org' --for 2h
case=$("${b[@]}" --json server show vm-7 | sed -n 's/.*"case": "\(.*\)".*/\1/p')
prints explain 'complaints from example.org' "${b[@]}" explain vm-7
prints explain-case 'Time left: 1 h 5' "${b[@]}" explain "$case"
prints explain-ru 'закрыта отправка почты' "${b[@]}" explain vm-7 --lang ru
prints status-blocked "$case" "${b[@]}" status
refused explain-unknown 1 'no server or case' "${b[@]}" explain bh-nothing
prints pin 'until a person' "${b[@]}" pin vm-10 --reason 'contract ended'
prints release-all 'vm-10 may send' "${b[@]}" release --all --reason 'sensor fault'
prints explain-after 'Its last case' "${b[@]}" explain vm-7
prints explain-ended 'This case ended' "${b[@]}" explain "$case"
refused release-unknown 1 'no server' "${b[@]}" release vm-99 --reason x
prints mode-server 'vm-7: observe' "${b[@]}" mode observe --server vm-7

# --- whitelist ---
# A picture of one white pixel, and what else an application needs.
base64 -d >form.png <<'PNG'
iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==
PNG
printf 'From: a@acme.example\r\nTo: b@example.org\r\nSubject: x\r\nMessage-ID: <1@acme.example>\r\n\r\nhello\r\n' >mail.eml
echo 'We mail you only when you tick the box.' >rules.txt
common=(--domain acme.example --contact a@acme.example)
refused apply-unknown-server 1 'no server "vm-99"' "${b[@]}" whitelist apply vm-99 "${common[@]}"
refused apply-missing-file 1 'absent.png (consent-form)' "${b[@]}" whitelist apply vm-7 --consent absent.png "${common[@]}"
refused apply-wrong-type 1 'must be a picture' "${b[@]}" whitelist apply vm-7 --consent rules.txt "${common[@]}"
prints nothing-stored 'no such application' "${b[@]}" whitelist list
find state/evidence -type f | wc -l >left
prints no-evidence-left '^0$' cat left
prints apply 'application 1: submitted' "${b[@]}" whitelist apply vm-7 --consent form.png --sample mail.eml \
    --sample-picture form.png --unsubscribe-picture form.png --per-day 5000 --list-size 4800 \
    --list-origin 'form on acme.example' "${common[@]}" --domain news.acme.example
prints apply-registration 'registration-form' "${b[@]}" whitelist apply vm-7 vm-10 --consent form.png --rules rules.txt "${common[@]}"
prints apply-container 'application 3: submitted' "${b[@]}" whitelist apply ct-1 "${common[@]}"
refused approve-incomplete 1 'lacks' "${b[@]}" whitelist approve 2
refused approve-container 1 'KVM' "${b[@]}" whitelist approve 3
prints approve-override 'active' "${b[@]}" whitelist approve 3 --override --reason 'known customer'
refused approve-past 1 'in the past' "${b[@]}" whitelist approve 1 --until 2020-01-01 --override --reason x
prints check 'C5 .*fail .*one even colour' "${b[@]}" whitelist check 1
refused approve-failed-checks 1 'M1 failed' "${b[@]}" whitelist approve 1
prints approve 'grant        active' "${b[@]}" whitelist approve 1 --until 180d --override --reason 'a made-up mail'
prints server-has-grant 'of application 1' "${b[@]}" server show vm-7
refused approve-twice 1 'is approved' "${b[@]}" whitelist approve 1
prints ask 'needs-info' "${b[@]}" whitelist ask 2 --message 'the sample, please'
prints attach 'application 2: submitted' "${b[@]}" whitelist attach 2 mail.eml --kind sample-source
prints reject 'rejected' "${b[@]}" whitelist reject 2 --reason 'bought list'
refused attach-rejected 1 'is rejected' "${b[@]}" whitelist attach 2 mail.eml --kind sample-source
prints renew 'until 2099-01-01' "${b[@]}" whitelist renew 1 --until 2099-01-01
prints revoke 'grant        revoked' "${b[@]}" whitelist revoke 1 --reason complaints
prints grant-is-gone 'grant           none' "${b[@]}" server show vm-7
refused show-unknown-application 1 'no application 99' "${b[@]}" whitelist show 99

# --- ledger ---
prints ledger 'whitelist.approve.override' "${b[@]}" ledger show
prints ledger-verify 'intact' "${b[@]}" ledger verify
head=$("${b[@]}" ledger head | cut -d' ' -f1)
prints ledger-verify-head 'intact' "${b[@]}" ledger verify --head "$head"
refused ledger-other-head 1 'tail was cut' "${b[@]}" ledger verify --head "${head//[0-9]/a}"
finish
