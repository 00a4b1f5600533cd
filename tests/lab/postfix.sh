# SPDX-License-Identifier: ISC
# Postfix instances for the lab: each has its configuration, queue and data in a folder of its own, and runs only
# inside the namespace that is named.  Source this after lab.sh.

postfix_libexec=$(postconf -d -h daemon_directory 2>/dev/null || echo /usr/lib/postfix/sbin)

# postfix_make DIR HOSTNAME: an instance without a listener; settings (inet_interfaces among them) and services
# are appended to DIR/main.cf and DIR/master.cf by the caller.
postfix_make() {
	local dir=$1 host=$2
	mkdir -p "$dir/queue" "$dir/data"
	chown postfix "$dir/data"
	chmod 755 "$dir"
	cat >"$dir/main.cf" <<-EOF
		compatibility_level = 3.6
		queue_directory = $dir/queue
		data_directory = $dir/data
		maillog_file = $dir/mail.log
		maillog_file_prefixes = $dir
		myhostname = $host
		mydestination =
		alias_maps =
		local_transport = error:no local mail here
		smtputf8_enable = no
		smtp_address_preference = ipv4
		mynetworks = 127.0.0.0/8
		default_process_limit = 20
	EOF
	cat >"$dir/master.cf" <<-EOF
		pickup    unix  n - n 60 1 pickup
		cleanup   unix  n - n -  0 cleanup
		qmgr      unix  n - n 300 1 qmgr
		rewrite   unix  - - n -  - trivial-rewrite
		bounce    unix  - - n -  0 bounce
		defer     unix  - - n -  0 bounce
		trace     unix  - - n -  0 bounce
		verify    unix  - - n -  1 verify
		flush     unix  n - n 1000? 0 flush
		proxymap  unix  - - n -  - proxymap
		smtp      unix  - - n -  - smtp
		relay     unix  - - n -  - smtp
		error     unix  - - n -  - error
		retry     unix  - - n -  - error
		discard   unix  - - n -  - discard
		anvil     unix  - - n -  1 anvil
		scache    unix  - - n -  1 scache
		tlsmgr    unix  - - n 1000? 1 tlsmgr
		postlog   unix-dgram n - n - 1 postlogd
	EOF
}

# postfix_certificate DIR NAME: a self-signed certificate, DIR/tls.pem.
postfix_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$2" \
		-keyout "$1/tls.pem" -out "$1/tls.crt" 2>/dev/null
	cat "$1/tls.crt" >>"$1/tls.pem"
	chmod 600 "$1/tls.pem"
}

# postfix_start NAMESPACE DIR: starts the master and waits until it runs; postfix_stop ends it by its pid.
postfix_start() {
	local ns=$1 dir=$2
	ip netns exec "$ns" postfix -c "$dir" start >"$dir/start.log" 2>&1 || {
		cat "$dir/start.log" "$dir/mail.log" 2>/dev/null
		echo "postfix in $ns does not start" >&2
		return 1
	}
}
postfix_stop() {
	local dir=$1
	[ -e "$dir/queue/pid/master.pid" ] && kill "$(tr -d ' ' <"$dir/queue/pid/master.pid")" 2>/dev/null
	return 0
}
# postfix_queued DIR: messages that wait.
postfix_queued() {
	find "$1/queue/active" "$1/queue/deferred" "$1/queue/incoming" "$1/queue/maildrop" -type f 2>/dev/null | wc -l
}
