#!/bin/bash
# SPDX-License-Identifier: ISC
# Makes real encrypted SMTP sessions in namespaces of its own and records them with their truth:
#
#   sessions.sh OUT [SEED [JOBS [SET]]]     SET: tune (what the model may be set by) or all
#
# leaves OUT/sessions.pcap and OUT/sessions.truth (one JSON line per session, written from the logs of the servers).
# MTAs that cannot be installed beside Postfix are downloaded from Debian, unpacked into a folder and seen through an
# overlay that lives in this script's mount namespace only: the machine's own files stay as they are.
#
#   tenant vm (10.9.x.y, one address per job) -- vnet1 [captured] -- hv -- up0 -- ext (198.51.100.K, see servers.sh)
set -u
out=$1 seed=${2:-$(date +%s)} jobs=${3:-260} set=${4:-all}
tlsgen=$(cd "$(dirname "$0")" && pwd)

if [ -z "${TLSGEN_INSIDE:-}" ]; then
	[ "$(id -u)" -eq 0 ] || { echo "tlsgen: needs root for namespaces" >&2; exit 1; }
	TLSGEN_INSIDE=1 exec unshare -m "$0" "$out" "$seed" "$jobs" "$set"
fi

. "$tlsgen/../lab/lab.sh"
. "$tlsgen/../lab/postfix.sh"
. "$tlsgen/servers.sh"
. "$tlsgen/mtas.sh"
mkdir -p "$out"
out=$(cd "$out" && pwd)

# The packages, once; they stay for the next run.
unpacked() {
	local packages="exim4-base exim4-config exim4-daemon-light opensmtpd nullmailer dma sendmail-bin sendmail-base sendmail-cf"
	local dir=$out/packages p
	[ -e "$dir/complete" ] && return 0
	mkdir -p "$dir/debs" && chmod 777 "$dir/debs"
	(cd "$dir/debs" && apt-get download -q $packages) >"$dir/log" 2>&1 ||
		{ tail -n 5 "$dir/log" >&2; echo "tlsgen: the packages of the MTAs cannot be downloaded" >&2; return 1; }
	for p in "$dir"/debs/*.deb; do dpkg -x "$p" "$dir/root" || return 1; done
	touch "$dir/complete"
}

# The machine with the MTAs in it: overlays on /usr, /etc and /var whose changes stay in memory.
overlay_begin() {
	local d
	fs=$LAB_DIR/fs
	mkdir "$fs" && mount -t tmpfs -o mode=755 tlsgen "$fs" || return 1
	for d in usr etc var; do
		mkdir -p "$fs/$d" "$fs/work/$d"
		[ ! -d "$out/packages/root/$d" ] || cp -a "$out/packages/root/$d/." "$fs/$d/"
		rm -f "$fs/$d/sbin/sendmail" "$fs/$d/lib/sendmail"
		mount -t overlay tlsgen -o "lowerdir=/$d,upperdir=$fs/$d,workdir=$fs/work/$d" "/$d" || return 1
	done
	printf '%s\n' "Debian-exim:x:64001:64001::/var/spool/exim4:/usr/sbin/nologin" \
		"smmta:x:64004:64004::/var/lib/sendmail:/usr/sbin/nologin" "smmsp:x:64005:64005::/var/lib/sendmail:/usr/sbin/nologin" \
		"opensmtpd:x:64002:64002::/var/empty:/usr/sbin/nologin" "opensmtpq:x:64003:64003::/var/empty:/usr/sbin/nologin" >>/etc/passwd
	printf '%s\n' "Debian-exim:x:64001:" "smmta:x:64004:64004::/var/lib/sendmail:/usr/sbin/nologin" "smmsp:x:64005:64005::/var/lib/sendmail:/usr/sbin/nologin" \
		"opensmtpd:x:64002:" "opensmtpq:x:64003:" "smmta:x:64004:" "smmsp:x:64005:" >>/etc/group
	echo 'nameserver 127.0.0.1' >/etc/resolv.conf # nobody there: refused at once
	grep -q "^127.*$(hostname)\." /etc/hosts || echo "127.0.0.1 $(hostname).example $(hostname)" >>/etc/hosts
	mkdir -p /var/empty /run/opensmtpd
	chmod 4755 /usr/sbin/exim4
}

finish() {
	postfix_stop "$LAB_DIR/peers/postfix-server"
	postfix_stop "$LAB_DIR/peers/postfix-client"
	if [ -n "$keep" ]; then # to look into what went wrong
		mkdir -p "$keep"
		cp "$LAB_DIR"/*.log "$keep/"
		for log in "$LAB_DIR"/peers/*/{mail.log,mainlog,paniclog}; do
			[ ! -e "$log" ] || cp "$log" "$keep/$(basename "$(dirname "$log")").$(basename "$log")"
		done
	fi
	umount -l /usr /etc /var "$LAB_DIR/fs" 2>/dev/null
	lab_end
}

[ "$set" != tune ] && [ "$set" != all ] && { echo "tlsgen: SET is tune or all" >&2; exit 2; }
keep=${TLSGEN_KEEP:-}
lab_need
unpacked || exit 1
lab_begin bridged 20 || exit 1
trap finish EXIT
lab_tenant vm || exit 1
ip -n "$LAB-ext" route add 10.9.0.0/16 via "$(lab_addr4 vm)"
lab_in ext sysctl -qw net.core.somaxconn=1024
overlay_begin || { echo "tlsgen: overlays cannot be mounted here" >&2; exit 1; }
peers=$LAB_DIR/peers
mkdir "$peers" && chmod 755 "$peers"
servers_start "$peers" && mtas_start "$peers" || exit 1

lab_start hv capture tcpdump -i "$(lab_port vm)" -n -s 0 -B 65536 -U -w "$LAB_DIR/sessions.pcap" tcp
lab_wait_line 10 "$LAB_DIR/capture.log" 'listening on' || { cat "$LAB_DIR/capture.log" >&2; exit 1; }
ip netns exec "$LAB-vm" /usr/bin/python3 "$tlsgen/drive.py" "$peers" "$seed" "$jobs" "$set" "$out/jobs" >&2 || exit 1
sleep 1 # the last packets reach the capture
lab_stop capture
cp "$LAB_DIR/sessions.pcap" "$out/sessions.pcap"
/usr/bin/python3 "$tlsgen/truth.py" "$out/jobs" "$out/sessions.pcap" "$peers" "$LAB_DIR" >"$out/sessions.truth" || exit 1
echo "tlsgen: seed $seed, $(wc -l <"$out/jobs") jobs, $(wc -l <"$out/sessions.truth") sessions, set $set" >&2
