# SPDX-License-Identifier: ISC
# The servers of the encrypted sessions: Postfix, Exim and sendmail of Debian, aiosmtpd, and the dialects of
# provider.py.  Source after lab.sh and postfix.sh.  Each has addresses of its own (198.51.100.K) with STARTTLS on ports
# 25 and 587 and TLS from the first byte on 465 and 4465.
#   1 2 3 Postfix (TLS 1.3, 1.2 with GCM, 1.2 with CBC)   4 5 Exim (1.3, 1.2)   8 9 aiosmtpd (1.3, 1.2)
#   10 sendmail   11.. provider.py
# OpenSMTPD only sends (mtas.sh): as a server, Debian's 6.8.0p2 fails every handshake with OpenSSL 3.
# Recipients that begin with "nobody" are refused, with "grey" deferred, all others are taken.

servers_numbers="1 2 3 4 5 8 9 10 11 12 13 14 15 16 17"

servers_certificate() { # DIR: RSA, so that every cipher of the clients can be tried
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=mx.example.net" \
		-keyout "$1/tls.key" -out "$1/tls.crt" 2>/dev/null
	cat "$1/tls.key" "$1/tls.crt" >"$1/tls.pem"
	chmod 644 "$1"/tls.*
}

servers_postfix() { # DIR
	local dir=$1/postfix-server k more port wrap
	postfix_make "$dir" mx.example.net
	printf '/^nobody/ 550 5.1.1 User unknown\n/^grey/ 450 4.2.0 Greylisted, see http://postgrey.example/help/\n' >"$dir/access"
	cat >>"$dir/main.cf" <<-CONF
		inet_interfaces = 198.51.100.1, 198.51.100.2, 198.51.100.3
		smtpd_tls_chain_files = $1/tls.pem
		smtpd_tls_security_level = may
		virtual_mailbox_domains = regexp:$dir/domains
		virtual_mailbox_maps = static:x
		virtual_transport = discard:
		smtpd_recipient_restrictions = check_recipient_access regexp:$dir/access, reject_unauth_destination
		smtpd_client_connection_count_limit = 0
		smtpd_client_port_logging = yes
		smtpd_error_sleep_time = 0
		smtpd_hard_error_limit = 1000
		message_size_limit = 52428800
	CONF
	echo '/\.example$/ x' >"$dir/domains"
	for k in 1 2 3; do
		more=
		[ $k -eq 1 ] || more="-o smtpd_tls_protocols=!TLSv1.3"
		[ $k -lt 3 ] || more="$more -o smtpd_tls_ciphers=high -o tls_high_cipherlist=ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES128-SHA"
		for port in 25 587 465 4465; do
			wrap=
			[ $port = 25 ] || [ $port = 587 ] || wrap="-o smtpd_tls_wrappermode=yes"
			echo "198.51.100.$k:$port inet n - n - - smtpd $more $wrap" >>"$dir/master.cf"
		done
	done
	postfix_start "$LAB-ext" "$dir"
}

servers_exim() { # DIR
	local dir=$1/exim-server
	mkdir -p "$dir/spool"
	chown -R Debian-exim "$dir"
	cat >/etc/exim4/exim4.conf <<-CONF
		spool_directory = $dir/spool
		log_file_path = $dir/%slog
		log_selector = +incoming_port +received_recipients
		primary_hostname = mx.exim.example
		local_interfaces = 198.51.100.4 : 198.51.100.5
		daemon_smtp_ports = 25 : 587 : 465 : 4465
		tls_on_connect_ports = 465 : 4465
		tls_advertise_hosts = *
		tls_certificate = $1/tls.crt
		tls_privatekey = $1/tls.key
		tls_require_ciphers = \${if eq{\$received_ip_address}{198.51.100.5}{NORMAL:-VERS-TLS1.3}{NORMAL}}
		acl_smtp_rcpt = rcpt
		queue_only
		keep_environment =
		smtp_accept_max = 0
		smtp_accept_max_per_connection = 0
		received_headers_max = 100
		begin acl
		rcpt:
		  deny local_parts = ^nobody
		       message = Unrouteable address
		  defer local_parts = ^grey
		       message = greylisted, please try again in some minutes
		  accept
		begin authenticators
		plain:
		  driver = plaintext
		  public_name = PLAIN
		  server_condition = true
		  server_prompts = :
		login:
		  driver = plaintext
		  public_name = LOGIN
		  server_condition = true
		  server_prompts = Username:: : Password::
	CONF
	lab_start ext exim-server exim4 -bdf
}

servers_sendmail() { # DIR
	local dir=$1/sendmail-server
	mkdir -p "$dir/queue" /etc/tlsgen # it believes in no key below /tmp
	cp "$1"/tls.* /etc/tlsgen/
	chmod 600 /etc/tlsgen/tls.key
	chmod 700 "$dir/queue"
	echo "define(\`QUEUE_DIR', \`$dir/queue')dnl" >"$dir/sendmail.mc"
	cat >>"$dir/sendmail.mc" <<-'MC'
		divert(0)dnl
		OSTYPE(`linux')dnl
		define(`confDOMAIN_NAME', `mx.sendmail.example')dnl
		define(`confDONT_PROBE_INTERFACES', `True')dnl
		define(`confBAD_RCPT_THROTTLE', `0')dnl
		define(`confDELIVERY_MODE', `queueonly')dnl
		define(`confQUEUE_LA', `1000')dnl
		define(`confREFUSE_LA', `1000')dnl
		define(`confTO_IDENT', `0')dnl
		FEATURE(`promiscuous_relay')dnl
		FEATURE(`accept_unresolvable_domains')dnl
		FEATURE(`accept_unqualified_senders')dnl
		FEATURE(`nocanonify')dnl
		FEATURE(`no_default_msa')dnl
		DAEMON_OPTIONS(`Addr=198.51.100.10, Port=25, Name=a')dnl
		DAEMON_OPTIONS(`Addr=198.51.100.10, Port=587, Name=b')dnl
		DAEMON_OPTIONS(`Addr=198.51.100.10, Port=465, Name=c, M=s')dnl
		DAEMON_OPTIONS(`Addr=198.51.100.10, Port=4465, Name=d, M=s')dnl
		MAILER(smtp)dnl
		LOCAL_CONFIG
	MC
	cat >>"$dir/sendmail.mc" <<-MC
		O PidFile=$dir/pid
		O StatusFile=$dir/statistics
		O ServerCertFile=/etc/tlsgen/tls.crt
		O ServerKeyFile=/etc/tlsgen/tls.key
		O CACertFile=/etc/tlsgen/tls.crt
		O CACertPath=/etc/tlsgen
		O LogLevel=12
		Krefused regex -a.FOUND ^<?nobody
		Kgrey regex -a.FOUND ^<?grey
		LOCAL_RULESETS
		SLocal_check_rcpt
		R\$*		\$: \$1 \$| \$(refused \$1 \$)
		R\$* \$| \$*.FOUND	\$#error \$@ 5.1.1 \$: "550 5.1.1 User unknown"
		R\$* \$| \$*		\$: \$1 \$| \$(grey \$1 \$)
		R\$* \$| \$*.FOUND	\$#error \$@ 4.7.1 \$: "451 4.7.1 Greylisting in action, please come back later"
		R\$* \$| \$*		\$: \$1
	MC
	m4 -D_CF_DIR_=/usr/share/sendmail/cf/ /usr/share/sendmail/cf/m4/cf.m4 "$dir/sendmail.mc" \
		>"$dir/sendmail.cf" 2>"$dir/m4.log" || { cat "$dir/m4.log" >&2; return 1; }
	lab_start ext sendmail-server /usr/libexec/sendmail/sendmail -bD -X "$dir/traffic" -C "$dir/sendmail.cf"
}

servers_python() { # DIR
	lab_start ext python-server /usr/bin/python3 "$tlsgen/provider.py" "$1"
}

# servers_start DIR: all of them, and waits until the last port listens.
servers_start() {
	local dir=$1 k
	servers_certificate "$dir"
	servers_postfix "$dir" && servers_exim "$dir" && servers_sendmail "$dir" && servers_python "$dir" || return 1
	for k in 1 4 8 10 17; do
		lab_wait 15 servers_listen "$k" || { echo "tlsgen: nobody listens on 198.51.100.$k" >&2; cat "$LAB_DIR"/*-server.log >&2; return 1; }
	done
}
servers_listen() { lab_in ext ss -Hltn "src 198.51.100.$1 and sport = :4465" | grep -q .; }
