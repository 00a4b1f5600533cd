#!/bin/bash
# SPDX-License-Identifier: ISC
# Support mails of the usual mail programs (tickets.py) through a real guard and its jailed worker: which server,
# which file is what, what the words say, what is missing, and the letter in the tenant's language.
# Usage: test_intake.sh BUILD.  Needs root (a network namespace of the guard's own).
# shellcheck source=tests/cli/lib.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
needs_root
command -v dkimsign >/dev/null || { echo "dkimsign is missing: run tests/packages.sh test"; exit 1; }

start_guard unshare --net
cat >servers.csv <<'CSV'
server,tenant,virtualization,interfaces,addresses,contact,lang
vm-7,acme,kvm,vnet7,192.0.2.7,a@acme.example,en
vm-8,bolt,kvm,vnet8,192.0.2.8,b@bolt.example,ru
vm-9,bolt,kvm,vnet9,192.0.2.9,,ru
CSV
"${b[@]}" server import servers.csv >/dev/null

# A signed sample: what is stored of it must still verify.
openssl genrsa -traditional -out dkim.key 2048 2>/dev/null
printf 'mail._domainkey.acme.example v=DKIM1; k=rsa; p=%s\n' \
	"$(openssl rsa -in dkim.key -pubout 2>/dev/null | grep -v -- ---- | tr -d '\n')" >keys.txt
printf '%s\r\n' 'From: News <news@acme.example>' 'To: reader@example.org' 'Subject: News' 'Message-ID: <1@acme.example>' \
	'Date: Sat, 21 Nov 2026 10:00:00 +0000' 'List-Unsubscribe: <https://acme.example/u/0123456789abcdef>' \
	'List-Unsubscribe-Post: List-Unsubscribe=One-Click' 'MIME-Version: 1.0' \
	'Content-Type: multipart/alternative; boundary=sm' '' 'preamble' '--sm' 'Content-Type: text/plain; charset=utf-8' '' \
	'Hello   ' '' 'Unsubscribe: https://acme.example/u ' '' '--sm' 'Content-Type: text/html; charset=utf-8' '' \
	'<p>Hello</p><a href="https://acme.example/u">Unsubscribe</a>' '--sm--' 'epilogue' >bare.eml
dkimsign mail acme.example dkim.key <bare.eml >sample.eml
python3 "$here/tickets.py" . sample.eml || exit 1

# take NAME [OPTIONS]: the mail of that name through the CLI; what it answers is in NAME.json.
take() {
	local name=$1
	shift
	"${b[@]}" --json whitelist intake "$@" <"$name.eml" >"$name.json" 2>"$name.err" ||
		fail "$name" "$(cat "$name.err")"
}
# is NAME FILTER WANTED: a value of the answer.
is() {
	local got
	got=$(jq -r "$2" "$1.json" 2>&1)
	if [ "$got" = "$3" ]; then ok "$1 $2"; else fail "$1 $2" "\"$got\", not \"$3\""; fi
}
kinds='[.files[] | select(.kind) | .kind] | join(" ")'
gaps='.missing | map(select(test("machine|checks|M[0-9]|failed") | not)) | length'

take gmail
is gmail .state draft
is gmail '.servers | join(" ")' vm-7
is gmail '.domains | join(" ")' acme.example
is gmail '"\(.purpose) \(.per_day) \(.list_size) \(.form_url) \(.contact) \(.lang)"' \
	'newsletter 5000 4800 https://acme.example/subscribe a@acme.example en'
is gmail .list_origin 'people tick a box in our shop'
is gmail "$kinds" 'consent-form sample-picture unsubscribe-page sample-source note'
is gmail "$gaps" 0
is gmail '.letter | test("Nothing is missing") and test("one-click") and test("server: vm-7")' true
prints gmail-signature-holds ' *M4 .*pass' "${b[@]}" whitelist check 1 --dkim-keys keys.txt
prints gmail-page-decodes ' *U7 .*pass' "${b[@]}" whitelist check 1

take outlook
is outlook '.servers | join(" ")' vm-8
is outlook '"\(.per_day) \(.list_size) \(.lang) \(.form_url)"' '12000 11500 ru https://bolt.example/podpiska'
is outlook .list_origin 'форма подписки на сайте'
is outlook "$kinds" 'consent-form sample-picture unsubscribe-page sample-source note'
is outlook '[.files[] | select(.trouble) | .trouble] | join(" ")' small
is outlook '.letter | test("Здравствуйте") and test("снимок формы подписки") and (test("image004") | not)' true
is outlook '.guesses[] | select(.field == "domain").why' 'From of the sample'

take applemail
is applemail "$kinds" 'registration-form sample-picture unsubscribe-page rules-extract note'
is applemail '.servers | join(" ")' vm-7
is applemail '.letter | test("original source of a sample mail") and (test("sample-source") | not)' true

take thunderbird
is thunderbird "$kinds" 'consent-form sample-picture unsubscribe-page sample-source note'
is thunderbird '"\(.per_day) \(.list_size) \(.purpose)"' '12000 11500 newsletter'
is thunderbird '[.files[].name] | index("форма подписки.png") != null' true

take mailru
is mailru "$kinds" 'consent-form sample-picture unsubscribe-page note'
is mailru '[.files[] | select(.why | test("in the order")) | .name] | length' 3
is mailru '.letter | test("Исходный текст образца")' true

take useless
is useless '[.files[] | select(.trouble) | .trouble] | join(" ")' 'pdf office picture-format outlook outlook empty web-page'
is useless '"\(.servers | length) \(.purpose) \(.contact)"' '0 automatic eve@nowhere.example'
is useless '.letter | test("form.pdf: a PDF") and test("The server or servers")' true
take useless --lang ru --server vm-9
is useless '.letter | test("form.pdf: PDF: пришлите") and test("сервер: vm-9")' true

take forwarded
is forwarded .from a@acme.example
is forwarded "$kinds" 'consent-form sample-picture unsubscribe-page sample-source note'
take signed
is signed "$kinds" 'unsubscribe-page note'
is signed '.servers | join(" ")' vm-7

take ambiguous
is ambiguous '"\(.servers | length) \([.candidates[] | .server] | sort | join(" "))"' '0 vm-7 vm-8'
is ambiguous '.letter | test("vm-7|vm-8|acme|bolt")' false
take stranger
is stranger '.servers | length' 0

take names
is names '[.files[] | .name] | join("|")' 'passwd?[2J.txt|unsub.png|ticket.txt'
is names '.subject | test("\u001b|\u0007")' false
refused parts 1 'more than 200 parts' "${b[@]}" whitelist intake parts.eml
refused header 1 'header is larger' "${b[@]}" whitelist intake header.eml
refused binary 1 'is no mail' "${b[@]}" whitelist intake binary.eml
refused empty 1 'is empty' "${b[@]}" whitelist intake /dev/null
head -c 40000000 /dev/zero >large.eml
refused too-large 1 'more than\|larger than' "${b[@]}" whitelist intake large.eml

# The tenant answers: what came is added, what he quotes is not taken for his words.
take answer --to 1
is answer '"\(.id) \(.state) \(.per_day) \(.servers | join(" "))"' '1 draft 5000 vm-7'
is answer '[.evidence[].kind] | length' 8
refused unknown-application 1 'no application 99' "${b[@]}" whitelist intake --to 99 answer.eml

# What failed is told in the tenant's language, with what to do.
"${b[@]}" whitelist submit 2 --domain bolt.example >/dev/null
"${b[@]}" whitelist check 2 >/dev/null
prints ask-letter 'Это нужно исправить' "${b[@]}" whitelist ask 2 --message 'Уточните, пожалуйста.'

# The rest of the way: completed, submitted, shown.
prints submit 'application 1: submitted' "${b[@]}" whitelist submit 1
prints submit-unknown-server 'application 8: submitted' "${b[@]}" whitelist submit 8 vm-9 --domain bolt.example --per-day 100
prints text 'Answer to a@acme.example' "${b[@]}" whitelist intake gmail.eml
prints text-kinds 'consent-form.*subscription' "${b[@]}" whitelist intake gmail.eml
prints history 'whitelist.intake' "${b[@]}" whitelist show 1
prints ledger-intact 'intact' "${b[@]}" ledger verify
left=$(find state/evidence -name '.new*' | wc -l)
[ "$left" -eq 0 ] && ok nothing-left || fail nothing-left "$left files"
finish
