#!/bin/bash
# SPDX-License-Identifier: ISC
# bulkhead with a real guard, in a network namespace of its own: inventory, decisions, whitelist, ledger.
# Usage: test_guard.sh BUILD.  Needs root (the guard's enforcer wants CAP_NET_ADMIN in its namespace).
corpus=$(realpath "$(dirname "$0")/../fuzz/corpus/complaint")
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
needs_root

start_guard unshare --net
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
prints show-by-address '^vm-7$' "${b[@]}" server show 2001:db8:7::25
prints show-by-mac '^vm-7$' "${b[@]}" server show 52:54:00:00:00:07
prints explain-by-interface '^Server vm-7 is not blocked' "${b[@]}" explain vnet7
refused show-unknown 1 'no server has the name.*"vm-99"' "${b[@]}" server show vm-99
prints set 'plan big' "${b[@]}" server set vm-7 plan=big
refused set-unknown 1 'no server has the name.*"vm-99"' "${b[@]}" server set vm-99 plan=big
refused set-key 1 'has no "colour"' "${b[@]}" server set vm-7 colour=red
refused set-overlap 1 'vm-10' "${b[@]}" server set vm-7 addresses=192.0.2.10
prints set-new 'vnet99' "${b[@]}" server set vm-99 --new virtualization=kvm interfaces=vnet99
prints remove 'no longer' "${b[@]}" server remove vm-99

# --- libvirt: its test driver ---
prints import-libvirt '^1 added' "${b[@]}" server import --libvirt test:///default
prints libvirt-server 'testnet0' "${b[@]}" server show test
"${b[@]}" server set test tenant=lab plan=small addresses='192.168.122.3;192.0.2.200' >/dev/null
prints import-libvirt-again '0 added, 0 changed' "${b[@]}" server import --libvirt test:///default
prints libvirt-keeps-people 'lab, plan small' "${b[@]}" server show test
prints libvirt-keeps-address '192.0.2.200' "${b[@]}" server show test
refused libvirt-away 1 'libvirt told nothing' sh -c "'${b[0]}' --config '$work/bulkhead.conf' server import --libvirt nonsense:///x 2>&1 | tail -n 1 >&2; exit 1"
refused libvirt-usage 2 'go with --libvirt' "${b[@]}" server import servers.csv --follow
refused libvirt-vanished 2 'keep or remove' "${b[@]}" server import --libvirt --vanished lose
prints libvirt-in-ledger 'server.merge' "${b[@]}" ledger show
"${b[@]}" server remove test >/dev/null

# --- decisions ---
prints mode '^enforce' "${b[@]}" mode enforce
prints block 'case bh-' "${b[@]}" block vm-7 --reason 'complaints from example.org' --for 2h
case=$("${b[@]}" --json server show vm-7 | jq -r .case)
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
prints mode-plan '  plan small: observe' "${b[@]}" mode observe --plan small
refused mode-both 2 'not both' "${b[@]}" mode observe --plan small --server vm-7
refused mode-inherit-all 1 'inherit is for' "${b[@]}" mode inherit
"${b[@]}" server set vm-10 plan=small >/dev/null
prints mode-of-plan-holds '^mode            observe$' "${b[@]}" server show vm-10
prints mode-in-list '^vm-10 .* observe ' "${b[@]}" server list
prints mode-in-status 'plan small: observe' "${b[@]}" status
prints mode-observed 'observed only' "${b[@]}" block vm-10 --reason 'plan observes' --for 129s
prints cool-down 'still blocked for 1[0-9][0-9] s' "${b[@]}" server show vm-10
prints mode-enforce-plan 'plan small: enforce' "${b[@]}" mode enforce --plan small
"${b[@]}" --json server show vm-10 >out
if grep -q '"enforced": true' out; then ok mode-turns-the-case; else fail mode-turns-the-case "$(grep enforced out)"; fi
prints mode-in-ledger 'plan small' "${b[@]}" ledger show
prints mode-inherit '^enforce$' "${b[@]}" mode inherit --plan small
"${b[@]}" release vm-10 --reason 'lab' >/dev/null

# --- complaints ---
"${b[@]}" server set vm-7 addresses='192.0.2.1;192.0.2.7' >/dev/null
prints abuse-import 'stored for vm-7, which has 192.0.2.1' sh -c "'${b[0]}' --config '$work/bulkhead.conf' abuse import <'$corpus/rfc5965.eml'"
prints abuse-again 'known already' "${b[@]}" abuse import "$corpus/rfc5965.eml"
prints abuse-jmrp 'stored for vm-7' "${b[@]}" abuse import "$corpus/jmrp.eml"
prints abuse-stranger 'belongs to no server' "${b[@]}" abuse import "$corpus/headers.eml"
refused abuse-none 1 'no report in the Abuse Reporting Format' "${b[@]}" abuse import "$corpus/none.eml"
head -c 100000 /dev/urandom >noise.eml
refused abuse-noise 1 'this is no complaint' "${b[@]}" abuse import noise.eml
prints abuse-list 'vm-7 .* 192.0.2.1 ' "${b[@]}" abuse list --server vm-7
prints abuse-in-ledger 'complaint' "${b[@]}" ledger show
"${b[@]}" abuse report "$case" >report.eml
prints abuse-report-is-arf 'known already\|stored for vm-7' "${b[@]}" abuse import report.eml
prints abuse-report-to '^To: <a@acme.example>' cat report.eml
refused abuse-report-unknown 1 'no server or case' "${b[@]}" abuse report bh-nothing

# --- whitelist ---
# A picture of one white pixel, and what else an application needs.
base64 -d >form.png <<'PNG'
iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==
PNG
printf 'From: a@acme.example\r\nTo: b@example.org\r\nSubject: x\r\nMessage-ID: <1@acme.example>\r\n\r\nhello\r\n' >mail.eml
echo 'We mail you only when you tick the box.' >rules.txt
common=(--domain acme.example --contact a@acme.example)
refused apply-unknown-server 1 'no server has the name.*"vm-99"' "${b[@]}" whitelist apply vm-99 "${common[@]}"
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
# Six things of the application, then the picture that shows nothing, then the checks that need a sample or the network.
"${b[@]}" whitelist check 2 >/dev/null
refused approve-incomplete 1 'application 2 lacks 8 things' "${b[@]}" whitelist approve 2
prints lacks-exactly '^8 sample-source sample-picture unsubscribe-page per-day list-size list-origin C5 M1$' sh -c \
    "'${b[0]}' ${b[*]:1} --json whitelist show 2 | jq -r '[.missing | length] + [.missing[] | capture(\"(?<k>sample-source|sample-picture|unsubscribe-page|per-day|list-size|list-origin|^C5 failed|have not run: M1)\").k | sub(\" failed\"; \"\") | sub(\"have not run: \"; \"\")] | join(\" \")'"
refused apply-bad-url 1 'no address of a page' "${b[@]}" whitelist apply vm-7 "${common[@]}" --form-url acme.example/form
refused approve-container 1 'KVM' "${b[@]}" whitelist approve 3
prints approve-override 'active' "${b[@]}" whitelist approve 3 --override --reason 'known customer'
refused approve-past 1 'in the past' "${b[@]}" whitelist approve 1 --until 2020-01-01 --override --reason x
prints check 'C5 .*fail .*one even colour' "${b[@]}" whitelist check 1
refused approve-failed-checks 1 'M1 failed' "${b[@]}" whitelist approve 1
prints approve 'grant        active' "${b[@]}" whitelist approve 1 --until 180d --override --reason 'a made-up mail'
prints server-has-grant "of application 1: 0 % of today's 5,000" "${b[@]}" server show vm-7
refused approve-twice 1 'is approved' "${b[@]}" whitelist approve 1
prints ask 'needs-info' "${b[@]}" whitelist ask 2 --message 'the sample, please'
prints attach 'application 2: submitted' "${b[@]}" whitelist attach 2 mail.eml --kind sample-source
prints review 'application 2: in-review' "${b[@]}" whitelist review 2
prints reject 'rejected' "${b[@]}" whitelist reject 2 --reason 'bought list'
refused attach-rejected 1 'is rejected' "${b[@]}" whitelist attach 2 mail.eml --kind sample-source
prints renew 'until 2099-01-01' "${b[@]}" whitelist renew 1 --until 2099-01-01
prints revoke 'grant        revoked' "${b[@]}" whitelist revoke 1 --reason complaints
prints grant-is-gone 'grant           none' "${b[@]}" server show vm-7
refused show-unknown-application 1 'no application 99' "${b[@]}" whitelist show 99

# --- events ---
prints events 'release  *vm-7' "${b[@]}" events
prints events-json '"dataset": "bulkhead.ledger"' "${b[@]}" events --from 1 --json
first=$("${b[@]}" --json ledger head | jq .entries)
# Whoever has read the newest entry there is follows.
"${b[@]}" events --follow --from "$first" --json >followed 2>follow.err &
follower=$!
soon 60 test -s followed
"${b[@]}" block vm-10 --reason 'while somebody listens' --for 1h >/dev/null
"${b[@]}" release vm-10 --reason 'and again' >/dev/null
soon 60 grep -q '"action":"release"' followed
kill "$follower"; wait "$follower" 2>/dev/null
# The machine's own checks of what was attached may end meanwhile, and are told as well.
if [ "$(jq -r .event.action followed | grep -xE 'block|release' | paste -sd' ')" = 'block release' ] &&
    [ "$(jq -r .event.sequence followed | paste -sd' ')" = "$(seq -s' ' "$first" $((first - 1 + $(wc -l <followed))))" ]; then ok events-follow; else
	fail events-follow "$(jq -c '[.event.sequence, .event.action]' followed | paste -sd' ') $(cat follow.err)"; fi
if jq -e '.["@timestamp"] and .ecs.version and .event.kind and .user.name and .observer.hostname' followed >/dev/null; then
	ok events-ecs; else fail events-ecs "$(head -n 1 followed)"; fi
prints still-there mode "${b[@]}" --json

# --- metrics and doctor ---
prints metrics '^bulkhead_servers{verdict="clear"} [0-9]' "${b[@]}" metrics
if [ "$(tail -n 1 out)" = '# EOF' ] && ! grep -vE '^(# (TYPE|UNIT|HELP) bulkhead_[a-z_]+ |# EOF$|bulkhead_[a-z_]+(\{[a-z]+="[^"]*"\})? [-0-9.e+]+$)' out; then
	ok metrics-lines; else fail metrics-lines "$(tail -n 1 out)"; fi
# Samples of a counter end in _total, and no family is told twice.
awk '$2 == "TYPE" && seen[$3]++ {print "twice", $3}
	$2 == "TYPE" {type[$3] = $4}
	/^bulk/ {sub(/[{ ].*/, ""); base = $0; sub(/_total$/, "", base); if (type[base] == "counter" && base == $0) print "no _total", $0
		if (!(base in type) && !($0 in type)) {sub(/_info$/, ""); if (!($0 in type)) print "no TYPE", $0}}' out >bad
if [ -s bad ]; then fail metrics-types "$(head -n 3 bad)"; else ok metrics-types; fi
if "${b[@]}" metrics --output "$work/bulkhead.prom" >out 2>&1 && [ ! -s out ]; then ok metrics-file; else fail metrics-file "$(head -n 1 out)"; fi
prints metrics-file-whole '# EOF' tail -n 1 bulkhead.prom
refused metrics-no-folder 1 'cannot be made' "${b[@]}" metrics --output "$work/absent/x.prom"
prints doctor-inventory '3 servers' "${b[@]}" doctor
prints doctor-sensor 'systemctl start bulkhead-sensor' "${b[@]}" doctor
prints doctor-json '"ok": false' "${b[@]}" doctor --json

# --- top: a terminal that is watched, and keys that are pressed when what they need is there ---
refused top-no-terminal 1 'needs a terminal' "${b[@]}" top
refused top-sort 2 'top sorts by' "${b[@]}" top --sort colour
if command -v script >/dev/null; then
	mkfifo keys
	COLUMNS=120 LINES=30 TERM=xterm script -qefc "stty rows 30 cols 120; exec ${b[*]} top" typescript <keys >/dev/null 2>&1 &
	top_pid=$!
	exec 7>keys
	seen() { # name pattern
		if soon 60 grep -aqE "$2" typescript; then ok "$1"; else fail "$1" "not on the screen: $2"; fi
	}
	seen top-head 'SERVER'
	seen top-server 'vm-7'
	printf s >&7
	seen top-sorts 'bulk'
	printf '/vm-10\n' >&7
	seen top-filters '1 shown|filter.*vm-10'
	printf '\n' >&7
	seen top-explains 'any key: back'
	printf 'xq' >&7
	exec 7>&-
	ended() { ! kill -0 "$top_pid"; }
	if soon 60 ended; then ok top-ends; else fail top-ends 'still there'; kill "$top_pid"; fi
	wait "$top_pid" 2>/dev/null
fi
prints history 'whitelist.renew' "${b[@]}" whitelist show 1
prints history-reason 'complaints' "${b[@]}" whitelist show 1
# Evidence of refused calls stays nowhere, even where a later file of the call was the bad one.
find state/evidence -type f | sort >before
printf 'GIF89a' >not.png
cp form.png other.png
printf 'x' >>other.png
refused apply-second-bad 1 'must be a picture' "${b[@]}" whitelist apply vm-7 --consent other.png --sample-picture not.png "${common[@]}"
find state/evidence -type f | sort >after
prints no-orphans '^same$' sh -c 'cmp -s before after && echo same'
refused apply-shared-bad 1 'must be a picture' "${b[@]}" whitelist apply vm-7 --consent form.png --sample-picture not.png "${common[@]}"
find state/evidence -type f | sort >after
prints shared-evidence-stays '^same$' sh -c 'cmp -s before after && echo same'
# The picture of vm-7's tenant shown by another one.
prints apply-copy 'application 4' "${b[@]}" whitelist apply vm-10 --consent form.png --domain bolt.example --contact b@bolt.example
prints copy-is-shown 'also in application 1 (revoked, tenant acme)' "${b[@]}" whitelist show 4
prints ask-letter 'Hello,' "${b[@]}" whitelist ask 4 --message 'whose form is this?'
grep -q 'original source of a sample mail' out && ok letter-lists || fail letter-lists "$(cat out)"

# --- an existing whitelist ---
printf 'server,domains,per_day,until,note\nvm-7,acme.example;news.acme.example,5000,2099-06-30,since 2019\nvm-10,,300,2099-01-01,\n' >old.csv
printf 'server,domains,per_day,until,note\nvm-7,acme.example,5000,2099-06-30,\nvm-99,,300,90d,\n' >unknown.csv
printf 'server,domains,per_day,until,note\nvm-7,acme.example,many,2099-06-30,\n' >many.csv
printf 'server,per_day,until\nct-1,5,90d\n' >container.csv
refused import-unknown 1 'unknown.csv:3: no server has the name.*"vm-99"' "${b[@]}" whitelist import unknown.csv
refused import-many 1 'many.csv:2: per_day "many"' "${b[@]}" whitelist import many.csv
refused import-container 1 'container.csv:2: .*not KVM' "${b[@]}" whitelist import container.csv
refused import-nothing 1 'is no CSV' "${b[@]}" whitelist import /dev/null
"${b[@]}" whitelist list | grep -c approved >left
prints import-was-whole '^1$' cat left
prints import-whitelist '^2 grants added, 0 changed, 0 unchanged' "${b[@]}" whitelist import old.csv
prints import-whitelist-again '^0 grants added, 0 changed, 2 unchanged' "${b[@]}" whitelist import old.csv
sed -i s/5000/6000/ old.csv
prints import-whitelist-changed '^0 grants added, 1 changed, 1 unchanged' "${b[@]}" whitelist import old.csv
prints consumption "0 % of today's 6,000" "${b[@]}" whitelist show 5
prints list-consumption '2099-06-30 *0 %' "${b[@]}" whitelist list
prints suspend 'grant        suspended' "${b[@]}" whitelist suspend 5 --reason 'looked at'
refused suspend-twice 1 'is suspended, not active' "${b[@]}" whitelist suspend 5 --reason 'looked at'
refused renew-suspended 1 'resume it first' "${b[@]}" whitelist renew 5
prints resume 'grant        active' "${b[@]}" whitelist resume 5 --reason 'cleaned'
prints suspend-in-history 'looked at' "${b[@]}" whitelist show 5

# --- ledger ---
prints ledger 'whitelist.approve.override' "${b[@]}" ledger show
prints ledger-verify 'intact' "${b[@]}" ledger verify
head=$("${b[@]}" ledger head | cut -d' ' -f1)
prints ledger-verify-head 'intact' "${b[@]}" ledger verify --head "$head"
refused ledger-other-head 1 'tail was cut' "${b[@]}" ledger verify --head "${head//[0-9]/a}"
finish
