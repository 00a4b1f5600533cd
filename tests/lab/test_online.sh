#!/bin/bash
# SPDX-License-Identifier: ISC
# The online checks by the real worker in its jail, against servers of our own in one namespace:
#
#   bulkhead-check ── DNS ──> unbound 127.0.0.1:53 ──> nsd :5353 (example., 11.in-addr.arpa.)
#         │                                        └─> rebind.py :5354 (rebind.example.)
#         └────── https ──> nginx on 11.0.0.1 (a public address that exists in here only) and on 127.0.0.1
#
# Each check passes and fails once.
set -u
cd "$(dirname "$0")/../.."
[ "$(id -u)" -eq 0 ] || { echo "needs root for a network namespace"; exit 77; }
for p in nsd unbound nginx openssl python3 ldns-signzone dkimsign; do
	command -v $p >/dev/null || { echo "$p is missing: run tests/packages.sh test"; exit 1; }
done
build=$1
work=$(mktemp -d) ns=bhol-$$ passed=0 failed=0
pids=()
cleanup() {
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
	for p in "${pids[@]}"; do wait "$p" 2>/dev/null; done
	ip netns del $ns 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
chmod 755 "$work"
in_ns() { ip netns exec $ns "$@"; }
start() { # log name, command: a server in the namespace, ended by cleanup
	local log=$work/$1.log
	shift
	ip netns exec $ns "$@" >"$log" 2>&1 </dev/null &
	pids+=($!)
}
until_true() { # seconds, command: waits for a condition
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || { echo "not in time: $*"; tail -n 5 "$work"/*.log; exit 1; }
		sleep 0.1
	done
}

ip netns add $ns
in_ns ip link set lo up
for i in 1 25 26 27 28 29; do in_ns ip addr add 11.0.0.$i/32 dev lo; done

# --- names
key() { # bits: p= of a new RSA key
	openssl genrsa "$1" 2>/dev/null | openssl rsa -pubout 2>/dev/null | grep -v -- ---- | tr -d '\n'
}
txt() { # long text as strings of a TXT record
	fold -w 200 <<<"$1" | sed 's/.*/"&"/' | tr '\n' ' '
}
openssl genrsa -traditional -out "$work/dkim.key" 2048 2>/dev/null
soa="@ 60 IN SOA ns.example. root.example. 1 60 60 60 60
@ 60 IN NS ns.example."
cat >"$work/example.zone" <<Z
\$ORIGIN example.
\$TTL 60
$soa
ns A 127.0.0.1
good A 11.0.0.1
www.good A 11.0.0.1
good MX 10 mail.good
good TXT "v=spf1 ip4:11.0.0.25 -all"
_dmarc.good TXT "v=DMARC1; p=reject; rua=mailto:dmarc@good.example"
mail.good A 11.0.0.25
static-11-0-0-27.good A 11.0.0.27
two-a.good A 11.0.0.28
two-b.good A 11.0.0.28
s2048._domainkey.good TXT $(txt "v=DKIM1; k=rsa; p=$(key 2048)")
s1024._domainkey.good TXT $(txt "v=DKIM1; k=rsa; p=$(key 1024)")
s512._domainkey.good TXT $(txt "v=DKIM1; k=rsa; p=$(key 512)")
test._domainkey.good TXT $(txt "v=DKIM1; t=y; p=$(key 2048)")
gone._domainkey.good TXT "v=DKIM1; p="
mail._domainkey.good TXT $(txt "v=DKIM1; k=rsa; p=$(openssl rsa -in "$work/dkim.key" -pubout 2>/dev/null | grep -v -- ---- | tr -d '\n')")
other A 11.0.0.1
badcert A 11.0.0.1
meta A 169.254.169.254
six AAAA ::1
mixed A 11.0.0.1
mixed A 10.0.0.1
local A 127.0.0.1
two TXT "v=spf1 ip4:11.0.0.25 -all"
two TXT "v=spf1 ip4:11.0.0.25 ~all"
_dmarc.two TXT "v=DMARC1; p=none"
two A 11.0.0.1
open TXT "v=spf1 ip4:0.0.0.0/0"
plus TXT "v=spf1 +all"
neutral TXT "v=spf1 ip4:11.0.0.25 ?all"
deny TXT "v=spf1 -all"
many TXT "v=spf1 ip4:11.0.0.25 a a a a a a a a a a a -all"
many A 11.0.0.1
void TXT "v=spf1 ip4:11.0.0.25 a:v1.example a:v2.example a:v3.example -all"
nullmx MX 0 .
_dmarc.nullmx TXT "v=DMARC1; p=perhaps"
lame NS ns.lame
ns.lame A 11.0.0.26
25.0.0.11.list A 127.0.0.2
26.0.0.11.list A 127.255.255.254
good.example.dlist A 127.0.1.2
Z
cat >"$work/reverse.zone" <<Z
\$ORIGIN 11.in-addr.arpa.
\$TTL 60
$soa
25.0.0 PTR mail.good.example.
27.0.0 PTR static-11-0-0-27.good.example.
28.0.0 PTR two-a.good.example.
28.0.0 PTR two-b.good.example.
29.0.0 PTR mail.good.example.
Z
# A signed zone, and one record of it changed behind the signer's back.
cat >"$work/signed.zone" <<Z
\$ORIGIN signed.
\$TTL 60
@ 60 IN SOA ns.signed. root.signed. 1 60 60 60 60
@ 60 IN NS ns.signed.
ns A 127.0.0.1
ok MX 10 mail
mail A 11.0.0.25
ok TXT "v=spf1 ip4:11.0.0.25 -all"
_dmarc.ok TXT "v=DMARC1; p=reject; rua=mailto:dmarc@signed"
forged MX 10 mail
_dmarc.forged TXT "v=DMARC1; p=reject; rua=mailto:dmarc@signed"
forged TXT "v=spf1 ip4:11.0.0.25 -all"
Z
(
	cd "$work" || exit
	zsk=$(ldns-keygen -a ECDSAP256SHA256 signed) ksk=$(ldns-keygen -k -a ECDSAP256SHA256 signed)
	ldns-signzone signed.zone "$zsk" "$ksk"
	sed -i '/^forged.signed.*TXT.*spf1/s/11.0.0.25/11.0.0.26/' signed.zone.signed
	ldns-key2ds -n -2 "$ksk.key" >anchor
	sed 's/[0-9a-f]\{8\}$/00000000/' anchor >anchor.wrong
) 2>"$work/sign.log"
cat >"$work/nsd.conf" <<C
server:
  ip-address: 127.0.0.1@5353
  username: ""
  zonesdir: "$work"
  database: ""
  pidfile: ""
  xfrdfile: "$work/xfrd"
  zonelistfile: "$work/zones"
  xfrdir: "$work"
remote-control:
  control-enable: no
zone:
  name: example
  zonefile: example.zone
zone:
  name: 11.in-addr.arpa
  zonefile: reverse.zone
zone:
  name: signed
  zonefile: signed.zone.signed
C
cat >"$work/unbound.conf" <<C
server:
  interface: 127.0.0.1
  port: 53
  username: ""
  chroot: ""
  directory: "$work"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "validator iterator"
  domain-insecure: "example"
  domain-insecure: "11.in-addr.arpa"
  domain-insecure: "signed"
  local-zone: "example." nodefault
  local-zone: "11.in-addr.arpa." nodefault
stub-zone:
  name: example
  stub-addr: 127.0.0.1@5353
stub-zone:
  name: 11.in-addr.arpa
  stub-addr: 127.0.0.1@5353
stub-zone:
  name: signed
  stub-addr: 127.0.0.1@5353
stub-zone:
  name: rebind.example
  stub-addr: 127.0.0.1@5354
C

# --- certificates and pages
(
	cd "$work" || exit
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=lab-ca -keyout ca.key -out ca.pem
	openssl req -newkey rsa:2048 -nodes -subj /CN=good.example -keyout web.key -out web.csr
	names=DNS:good.example,DNS:www.good.example,DNS:other.example,DNS:local.example,DNS:*.rebind.example
	openssl x509 -req -in web.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out web.pem \
		-extfile <(echo "subjectAltName=$names")
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=badcert.example -keyout bad.key -out bad.pem \
		-addext subjectAltName=DNS:badcert.example
) 2>/dev/null
www=$work/www
mkdir "$www"
page() { printf '<!DOCTYPE html><html><body>%s</body></html>\n' "$2" >"$www/$1.html"; }
page ok '<h1>Unsubscribe from our news</h1><form method=post><input type=hidden name=t value=1><button>Unsubscribe</button></form>'
page okru '<p>Отписаться от рассылки</p><form method=post><input type=email name=a><input type=submit value="Отписаться"></form>'
page done '<p>You have been unsubscribed.</p>'
page login '<form><input name=user><input type=password name=p><button>Log in to unsubscribe</button></form>'
page captcha '<p>Unsubscribe</p><form><div class="g-recaptcha"></div><button>Unsubscribe</button></form>'
page more '<p>Unsubscribe</p><form><input type=email name=email><input type=tel name=phone><button>Unsubscribe</button></form>'
page none '<p>Welcome to our shop</p>'
page form '<form><input type=email name=email><input type=checkbox name=agree><button>Subscribe</button></form>'
page checked '<form><input type=email name=email><input type=checkbox name=newsletter checked><button>Subscribe</button></form>'
page rules '<h1>Rules</h1><p>We send <b>one letter</b> a week to
  people who   agreed.</p>'
head -c 3145728 /dev/zero | tr '\0' x >"$www/huge.html"
head -c 200000000 /dev/zero | gzip -9 >"$www/bomb.bin"
cat >"$work/nginx.conf" <<C
daemon off;
master_process off;
user root;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/nginx-error.log;
events { worker_connections 64; }
http {
  log_format all '\$server_addr \$host \$request \$status c=\$http_cookie a=\$http_authorization b=\$request_body';
  access_log $work/access.log all;
  types { text/html html; }
  default_type text/html;
  charset utf-8;
  client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3;
  uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
  ssl_certificate $work/web.pem;
  ssl_certificate_key $work/web.key;
  server {
    listen 443 ssl default_server;
    server_name good.example www.good.example other.example local.example *.rebind.example;
    root $www;
    add_header Set-Cookie "a=b";
    location = /401 { return 401; }
    location = /404 { return 404; }
    location = /loop { return 302 /loop; }
    location = /r1 { return 302 /r2; }
    location = /r2 { return 302 https://www.good.example/r3; }
    location = /r3 { return 302 /ok.html; }
    location = /r0 { return 302 /r1; }
    location = /to-login { return 302 /account/login?next=/u; }
    location = /to-idp { return 302 https://accounts.google.com/o/oauth2/auth; }
    location = /to-other { return 302 https://other.example/ok.html; }
    location = /to-meta { return 302 https://meta.example/; }
    location = /to-http { return 302 http://good.example/ok.html; }
    location = /to-self { return 302 /ok.html; }
    location = /slow.html { limit_rate 1; }
    location = /bomb { alias $www/bomb.bin; add_header Content-Encoding gzip; }
    location = /post { if (\$request_method = POST) { return 204; } return 200 "<p>Unsubscribe</p><button>Unsubscribe</button>"; }
    location = /post-redirect { if (\$request_method = POST) { return 302 /ok.html; } return 200 "<p>Unsubscribe</p><button>x</button>"; }
  }
  server {
    listen 443 ssl;
    server_name badcert.example;
    ssl_certificate $work/bad.pem;
    ssl_certificate_key $work/bad.key;
    root $www;
  }
}
C
cp "$www/ok.html" "$www/slow.html"
start nsd nsd -d -c "$work/nsd.conf"
start unbound unbound -d -c "$work/unbound.conf"
start rebind python3 tests/lab/rebind.py 127.0.0.1 5354 11.0.0.1 127.0.0.1
start nginx nginx -c "$work/nginx.conf"
until_true 60 in_ns python3 -c 'import socket; socket.create_connection(("11.0.0.1", 443), 5)'
until_true 60 in_ns "$build/tests/lab/online_driver" "$build/bulkhead-check" resolver=127.0.0.1 from=good.example ca="$work/ca.pem"
until_true 60 sh -c "ip netns exec $ns $build/tests/lab/online_driver $build/bulkhead-check resolver=127.0.0.1 from=good.example ca=$work/ca.pem </dev/null | grep -q '^D9 pass'"

# --- asking
report=
job() { # key=value...; the rest of the line is the job
	report=$(in_ns timeout 120 "$build/tests/lab/online_driver" "$build/bulkhead-check" resolver=127.0.0.1 ca="$work/ca.pem" \
		"$@" 2>&1 <"${rules:-/dev/null}")
	[ -n "$report" ] || report="nothing came back"
}
want() { # what must begin a line of the report
	if grep -qE "^$1" <<<"$report"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL no line \"$1\" in:"
		sed 's/^/  /' <<<"$report"
	fi
}
dont() {
	if grep -qE "^$1" <<<"$report"; then
		failed=$((failed + 1))
		echo "FAIL a line \"$1\" in:"
		sed 's/^/  /' <<<"$report"
	else
		passed=$((passed + 1))
	fi
}
visit() { job from=good.example domain=good.example body="https://$1"; }

job from=good.example domain=good.example envelope=good.example helo=mail.good.example address=11.0.0.25 \
	dkim=s2048:good.example lists=list.example domain-lists=dlist.example
for id in D1 D2 D3 D4 D5 D6 D7 D8 D9 M5; do want "$id pass"; done
want "D11 info 11.0.0.25 list.example . listed"
want "D11 info good.example dlist.example . listed"
job from=two.example envelope=two.example helo=localhost address=11.0.0.26 address=11.0.0.27 address=11.0.0.28 \
	address=11.0.0.29 lists=list.example dkim=none:good.example dkim=test:good.example dkim=s512:good.example dkim=s1024:good.example
want "D1 fail 11.0.0.26"
want "D2 pass 11.0.0.27"
want "D2 fail 11.0.0.29"
want "D3 warn 11.0.0.27"
want "D4 warn 11.0.0.28"
want "D5 warn"
want "D6 fail two.example .*2 SPF"
want "M5 fail 11.0.0.26"
want "D7 fail none"
want "D7 warn test.*t=y"
want "D7 fail s512.*512 bits"
want "D7 warn s1024"
want "D8 warn two.example"
want "D9 pass two.example"
want "D11 not-checked 11.0.0.26"
want "D11 pass 11.0.0.27"
job from=open.example address=11.0.0.25 dkim=gone:good.example helo=nowhere.example
want "D6 fail open.example .*every address"
want "D7 fail gone.*revoked"
want "D8 fail open.example"
want "D9 fail open.example"
want "D5 warn"
job from=plus.example address=11.0.0.25
want "D6 fail plus.example .*every address"
want "D5 not-checked"
job from=neutral.example address=11.0.0.25
want "D6 warn neutral.example"
job from=deny.example address=11.0.0.25
want "D6 fail deny.example .*11.0.0.25"
job from=many.example address=11.0.0.25
want "D6 fail many.example .*more than 10"
job from=void.example address=11.0.0.25
want "D6 fail void.example .*more than 2"
job from=nullmx.example address=11.0.0.25
want "D9 fail nullmx.example .*null MX"
want "D8 fail nullmx.example .*invalid"
want "D6 fail nullmx.example .*no SPF"
job from=x.lame.example address=11.0.0.25
want "D6 not-checked"
want "D8 not-checked"
want "D9 not-checked"

# Behind a resolver that does not validate, the worker does: with the right anchor what was signed passes and what
# was changed decides nothing; with another anchor nothing of the zone does.
job from=ok.signed envelope=ok.signed address=11.0.0.25 anchor="$(cat "$work/anchor")"
want "D6 pass ok.signed"
want "D8 pass ok.signed"
job from=forged.signed envelope=forged.signed address=11.0.0.25
want "D6 fail forged.signed .*11.0.0.25"
job from=forged.signed envelope=forged.signed address=11.0.0.25 anchor="$(cat "$work/anchor")"
want "D6 not-checked forged.signed"
job from=ok.signed envelope=ok.signed address=11.0.0.25 anchor="$(cat "$work/anchor.wrong")"
want "D6 not-checked ok.signed"
job from=ok.signed anchor=nonsense
want ".*is check_trust_anchor .*nonsense.* a DS or DNSKEY record"

visit good.example/ok.html
for id in U1 U2 U3 U4 U5; do want "$id pass link"; done
want "U6 not-checked"
visit good.example/okru.html
want "U4 pass"
visit good.example/done.html
want "U4 pass"
want "U5 info"
visit good.example/r1
want "U2 pass link in the body . 200 after 3"
visit good.example/r0
want "U2 fail .*more than 3"
visit good.example/loop
want "U2 fail .*more than 3"
visit good.example/login.html
want "U3 fail .*password"
visit good.example/401
want "U3 fail .*401"
visit good.example/to-login
want "U3 fail .*login"
visit good.example/to-idp
want "U3 fail .*accounts.google.com"
visit good.example/404
want "U2 fail .*404"
visit good.example/captcha.html
want "U4 warn .*captcha"
visit good.example/more.html
want "U4 warn .*phone"
visit good.example/none.html
want "U4 warn .*neither"
visit good.example/to-other
want "U2 fail .*belongs to neither"
visit good.example/to-meta
want "U1 fail .*169.254.169.254"
visit good.example/to-http
want "U1 fail .*not https"
visit good.example/huge.html
want "U2 fail .*more than 2048"
visit good.example/bomb
want "U2 fail .*more than 2048"
begun=$SECONDS
visit good.example/slow.html
want "U2 fail"
took=$((SECONDS - begun))
# The page has ten seconds; what more it took is the machine's.
[ $took -le 30 ] && passed=$((passed + 1)) || { failed=$((failed + 1)); echo "FAIL the slow page took $took s"; }
visit badcert.example/ok.html
want "U1 fail .*certificate"
visit meta.example/
want "U1 fail .*link-local"
visit six.example/
want "U1 fail .*loopback"
visit mixed.example/ok.html
want "U1 fail .*10.0.0.1"
for u in 127.0.0.1/ 0x7f.1/ 2130706433/ '[::1]/' '[::ffff:127.0.0.1]/' '[64:ff9b::7f00:1]/' 169.254.169.254/latest; do
	visit "$u"
	want "U1 fail"
done
visit user:pass@good.example/ok.html
want "U1 fail .*user name"
visit good.example:8443/ok.html
want "U1 fail .*port"
visit nowhere.example/
want "U2 fail .*does not exist"
visit x.lame.example/
want "U2 not-checked"

# The name changes behind our back: the judged address is the one that is asked, and a redirect is judged anew.
visit a.rebind.example/ok.html
want "U2 pass"
visit b.rebind.example/to-self
want "U1 fail .*127.0.0.1"
grep -q '^127' "$work/access.log" && { failed=$((failed + 1)); echo "FAIL the loopback server was asked"; } || passed=$((passed + 1))

# Loopback for tests: named, shown, and ignored where blocks are enforced.
job from=good.example body=https://local.example/ok.html allow=127.0.0.0/8
want "U2 pass"
want "U1 warn setting"
dont "U1 fail"
job from=good.example body=https://local.example/ok.html allow=127.0.0.0/8 enforce=yes
want "U1 fail .*loopback"
want "U1 warn setting .*ignored"

job from=good.example list=https://good.example/post post=yes
want "U6 pass"
job from=good.example list=https://good.example/post-redirect post=yes
want "U6 fail .*302"
# nginx writes a request down when it has answered it.
posted() { [ "$(grep -c POST "$work/access.log")" -ge "$1" ]; }
until_true 60 posted 2
posts=$(grep -c 'POST' "$work/access.log")
job from=good.example list=https://good.example/post
want "U6 not-checked .*consent"
[ "$(grep -c POST "$work/access.log")" = "$posts" ] && [ "$posts" = 2 ] && passed=$((passed + 1)) ||
	{ failed=$((failed + 1)); echo "FAIL a POST without consent, or not two with it"; }
if grep -vq 'c=- a=-' "$work/access.log"; then failed=$((failed + 1)); echo "FAIL a cookie or credentials were sent"; else passed=$((passed + 1)); fi

printf 'We send one  letter a week\nto people who agreed.' >"$work/extract"
rules=$work/extract job from=good.example form=https://good.example/form.html rules=https://good.example/rules.html
want "C1 pass"
want "C2 pass"
want "C4 pass"
printf 'We send two letters a week' >"$work/extract"
rules=$work/extract job from=good.example form=https://good.example/checked.html rules=https://good.example/rules.html
want "C2 warn"
want "C4 warn"
job from=good.example form=https://good.example/none.html
want "C1 warn"
job from=good.example
want "C1 not-checked"

# --- the whole way: CLI, guard, spawner, worker, store, table
printf 'run_dir = "%s/run"\nstate_dir = "%s/state"\ncheck_resolver = "127.0.0.1"\ncheck_ca_file = "%s/ca.pem"\n' \
	"$work" "$work" "$work" >"$work/bulkhead.conf"
printf 'server,tenant,virtualization,addresses\nvm-1,acme,kvm,11.0.0.25\n' >"$work/servers.csv"
printf '%s\r\n' 'From: News <news@good.example>' 'To: reader@example.org' \
	'Subject: News' 'Message-ID: <1@good.example>' 'Date: Sat, 21 Nov 2026 10:00:00 +0000' \
	'List-Unsubscribe: <https://good.example/post>' 'List-Unsubscribe-Post: List-Unsubscribe=One-Click' \
	'MIME-Version: 1.0' 'Content-Type: text/html; charset=utf-8' '' \
	'<p>Hello</p><a href="https://good.example/ok.html">Unsubscribe</a>' >"$work/bare.eml"
# As received: signed with the key that DNS has, then delivered from the server.
(
	printf 'Return-Path: <bounce@good.example>\r\nReceived: from mail.good.example ([11.0.0.25]) by mx.example.org;'
	printf ' Sat, 21 Nov 2026 10:00:01 +0000\r\n'
	dkimsign mail good.example "$work/dkim.key" <"$work/bare.eml"
) >"$work/mail.eml"
printf 'We send one letter a week to people who agreed.\n' >"$work/extract.txt"
start guard "$build/bulkhead-guard" --config "$work/bulkhead.conf"
b() { in_ns timeout 120 "$build/bulkhead" --config "$work/bulkhead.conf" "$@" 2>&1; }
until_true 60 b status
b server import "$work/servers.csv" >"$work/import.log"
b whitelist apply vm-1 --sample "$work/mail.eml" --domain good.example --contact a@good.example --per-day 100 \
	--list-size 90 --list-origin form --purpose newsletter --form-url https://good.example/form.html \
	--rules-url https://good.example/rules.html >"$work/apply.log"
until_true 60 sh -c "ip netns exec $ns $build/bulkhead --config $work/bulkhead.conf whitelist check 1 --json"
report=$(b whitelist check 1)
want " *M4 +not-checked .*--online"
b whitelist attach 1 --kind rules-extract "$work/extract.txt" >"$work/attach.log"
until_true 60 sh -c "ip netns exec $ns $build/bulkhead --config $work/bulkhead.conf whitelist check 1 --json"
report=$(b whitelist check 1 --online)
for id in M4 M5 M6 D1 D2 D6 D7 D8 D9 U1 U2 U3 C1 C2 C4; do want " *$id +pass"; done
want " *M4 +pass .*verifies and is aligned"
want " *U6 +not-checked"
# An offline run replaces what it made, and nothing else; the key of DNS serves it too.
online=$(b --json whitelist check 1 --online | jq -r '.report.results[] | select(.id == "D8").made')
json=$(b --json whitelist check 1)
kept=$(jq -r '.report.results[] | select(.id == "D8").made' <<<"$json")
fresh=$(jq -r '.report.results[] | select(.id == "M1").made' <<<"$json")
if [ "$online" = "$kept" ] && [[ $fresh > $kept ]]; then passed=$((passed + 1)); else
	failed=$((failed + 1)); echo "FAIL online result of $online became $kept, offline $fresh"; fi
report=$(b whitelist check 1)
for id in M4 D8 U2 C4; do want " *$id +pass"; done
# Another sample with another link: what was found about the old one counts no more.
sed 's/ok.html/okru.html/' "$work/mail.eml" >"$work/other.eml"
b whitelist attach 1 --kind sample-source "$work/other.eml" >"$work/attach.log"
report=$(b whitelist check 1)
dont " *U2 "
want " *M4 +fail .*body hash"
b whitelist attach 1 --kind sample-source "$work/mail.eml" >"$work/attach.log"
until_true 60 sh -c "ip netns exec $ns $build/bulkhead --config $work/bulkhead.conf whitelist check 1 --json"
report=$(b whitelist check 1 --online --post-consent 'Ann, ticket 7')
want " *U6 +pass"
report=$(b ledger show --json)
if grep -q 'Ann, ticket 7' <<<"$report"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL the consent is not in the ledger"; fi
report=$(b whitelist check 1 --post-consent Ann)
want ".*post_consent is for online"

# --- granted, and looked at again: the page answered then, now it is gone
ledger() { b ledger show --json | jq -r '.entries[] | select(.action == "whitelist.recheck") | .detail.level' | paste -sd' '; }
same() { # what, got, wanted
	if [ "$2" = "$3" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL $1: \"$2\", not \"$3\""; fi
}
# First the whole of it as it should be: nothing is missing, every check has run, and no override is needed.
# (Debian's own python3 has the module dkim.)
/usr/bin/python3 - "$work" <<'PY'
import struct, sys, zlib
import dkim
work = sys.argv[1]
def png(name, seed):
    rows = b''.join(b'\0' + bytes((x // 40 * 31 + y // 40 * 17 + seed) % 256 for x in range(640) for _ in range(3)) for y in range(400))
    def chunk(t, d): return struct.pack('>I', len(d)) + t + d + struct.pack('>I', zlib.crc32(t + d))
    open(f'{work}/{name}.png', 'wb').write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 640, 400, 8, 2, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))
for n, name in enumerate(('form', 'letter', 'page')):
    png(name, 60 * n)
bare = open(f'{work}/bare.eml', 'rb').read()
names = [b'from', b'to', b'subject', b'date', b'message-id', b'list-unsubscribe', b'list-unsubscribe-post', b'mime-version', b'content-type']
signature = dkim.sign(bare, b'mail', b'good.example', open(f'{work}/dkim.key', 'rb').read(), include_headers=names)
hop = b'Return-Path: <bounce@good.example>\r\nReceived: from mail.good.example ([11.0.0.25]) by mx.example.org; Sat, 21 Nov 2026 10:00:01 +0000\r\n'
open(f'{work}/whole.eml', 'wb').write(hop + signature + bare)
PY
b whitelist apply vm-1 --consent "$work/form.png" --sample "$work/whole.eml" --sample-picture "$work/letter.png" \
	--unsubscribe-picture "$work/page.png" --domain good.example --contact a@good.example --per-day 100 --list-size 90 \
	--list-origin 'the form on good.example' --purpose newsletter --form-url https://good.example/form.html >"$work/apply.log"
report=$(b whitelist approve 2)
want ".*application 2 lacks"
report=$(b whitelist check 2 --online --post-consent 'Ann, ticket 7')
dont ".* fail "
same missing "$(b --json whitelist show 2 | jq -r '.missing | join(" ")')" ''
same approved "$(b --json whitelist approve 2 --until 180d | jq -r '"\(.state) \(.grant.state)"')" 'approved active'
same recheck-whole "$(b --json whitelist recheck 2 | jq -r '.results[] | "\(.level) \(.reason)"')" 'well null'
b whitelist revoke 2 --reason 'the rest is about the first' >"$work/revoke.log"
b whitelist approve 1 --override --reason 'a made-up mail' >"$work/approve.log"
same recheck "$(b --json whitelist recheck | jq -r '.results[] | "\(.application) \(.grant) \(.level) \(.reason)"')" '1 active well null'
mv "$www/ok.html" "$www/away.html"
report=$(b whitelist recheck 1)
want " *1 +active +warn .*U2 link in the body: then \(20[0-9-]+\) 200 after 0 redirects, now the page answers 404"
report=$(b whitelist show 1)
want "pages +.* warn: U2"
want ".*whitelist.recheck"
same recheck-changes "$(b whitelist show 1 --json | jq -r '[.history[] | select(.action == "whitelist.recheck") | .detail.changes[]?.check] | join(" ")')" U2
mv "$www/away.html" "$www/ok.html"
same recheck-again "$(b --json whitelist recheck 1 | jq -r '.results[] | "\(.level) \(.failing_since)"')" 'well null'
same recheck-ledger "$(ledger)" 'well well warn well'
same post-kept "$(b --json whitelist show 1 >/dev/null; b --json whitelist check 1 --online | jq -r '.report.results[] | select(.id == "U6").level')" pass
report=$(b whitelist recheck 7)
want ".*application 7 has no grant"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
