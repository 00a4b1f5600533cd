#!/bin/bash
# SPDX-License-Identifier: ISC
# Installs the Debian packages that a purpose needs and this machine lacks: packages.sh PURPOSE (the last cases below)
# Calls sudo where it is not root.  Says nothing when everything is there.
set -euo pipefail

build="build-essential pkg-config libpcap-dev libndpi-dev libmaxminddb-dev libpsl-dev libsqlite3-dev libnftables-dev
 libnftnl-dev libmnl-dev libjansson-dev libconfuse-dev libsodium-dev libseccomp-dev libcap-dev libxxhash-dev
 libmagic-dev libgmime-3.0-dev libxml2-dev libopendkim-dev libidn2-dev libpng-dev libjpeg-dev libwebp-dev
 libncurses-dev libunbound-dev libcurl4-openssl-dev libvirt-dev"
deb="$build debhelper dpkg-dev lintian"
run="$build nftables iproute2 procps postfix openssl jq"
test="$deb $run systemd libcmocka-dev clang clang-tidy clang-format cppcheck libclang-rt-14-dev mandoc python3 jq bc git file
 chromium nsd unbound nginx-light ldnsutils python3-dkim curl msmtp tshark libfaketime strace zsh"
# bench-tls also downloads MTAs that cannot be installed beside Postfix (tests/tlsgen/sessions.sh); these are their libraries.
bench_tls="$run libjansson-dev python3 tcpdump swaks curl msmtp s-nail python3-aiosmtpd nodejs node-nodemailer php-cli
 libphp-phpmailer perl libio-socket-ssl-perl m4 libgnutls-dane0 libidn12 libevent-2.1-7 libdb5.3 libpcre2-8-0 libldap-2.5-0
 liblockfile1 libnsl2 libsasl2-2 libwrap0"
bench="$test fail2ban libndpi-bin tcpflow"

case "${1:-}" in
build) want=$build ;;
run) want=$run ;;
deb) want=$deb ;;
test) want=$test ;;
bench) want=$bench ;;
bench-tls) want=$bench_tls ;;
*) echo "usage: packages.sh build|run|deb|test|bench|bench-tls" >&2; exit 2 ;;
esac

missing=()
for p in $want; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || { echo "packages.sh: run this as root, or install sudo: missing ${missing[*]}" >&2; exit 1; }
	as_root=(sudo)
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "installing ${#missing[@]} Debian packages: ${missing[*]}"
# Postfix is wanted for its test programs and as a peer in namespaces of ours: it gets no configuration,
# and a policy that forbids to start services while packages are installed keeps it down.
policy=/usr/sbin/policy-rc.d
made_policy=no
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
	"${as_root[@]}" chmod 755 $policy
	made_policy=yes
fi
cleanup() { [ $made_policy = yes ] && "${as_root[@]}" rm -f $policy; rm -f "$log"; }
trap cleanup EXIT
if ! { "${as_root[@]}" apt-get update -q &&
	echo "postfix postfix/main_mailer_type select No configuration" | "${as_root[@]}" debconf-set-selections &&
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
		"${missing[@]}"; } >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	echo "packages.sh: apt-get could not install ${missing[*]}: see the lines above, check the package sources" >&2
	exit 1
fi
