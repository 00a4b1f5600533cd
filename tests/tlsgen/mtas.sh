# SPDX-License-Identifier: ISC
# The MTAs that send from the tenant of the encrypted sessions: Postfix, Exim and OpenSMTPD.  Source after servers.sh.
# A recipient's domain says where its mail goes and how: <how>.s<K>p<port>.example to port of 198.51.100.<K>.

mtas_postfix() { # DIR
	local dir=$1/postfix-client how k port
	postfix_make "$dir" vm.tenant.example
	for how in plain reuse nopipe wrap old; do
		for k in $servers_numbers; do
			for port in 25 587 465 4465; do
				echo "/@$how\\.s${k}p$port\\.example\$/ $how:[198.51.100.$k]:$port"
			done
		done
	done >"$dir/transport"
	echo '/@tenant\.example$/ discard:' >>"$dir/transport"
	cat >>"$dir/main.cf" <<-CONF
		inet_interfaces = loopback-only
		transport_maps = regexp:$dir/transport
		smtp_tls_security_level = encrypt
		smtpd_recipient_restrictions = permit_mynetworks
		smtpd_client_connection_rate_limit = 0
		smtpd_recipient_limit = 1000
		default_destination_concurrency_limit = 2
		initial_destination_concurrency = 1
		minimal_backoff_time = 1h
		disable_dns_lookups = yes
		smtp_dns_support_level = disabled
	CONF
	cat >>"$dir/master.cf" <<-'CONF'
		127.0.0.1:2526 inet n - n - - smtpd
		tlsproxy  unix - - n - 0 tlsproxy
		plain     unix - - n - - smtp -o smtp_tls_wrappermode=no
		reuse     unix - - n - - smtp -o smtp_tls_connection_reuse=yes
		nopipe    unix - - n - - smtp -o smtp_discard_ehlo_keywords=pipelining -o smtp_tls_connection_reuse=yes
		wrap      unix - - n - - smtp -o smtp_tls_wrappermode=yes -o smtp_tls_connection_reuse=yes
		old       unix - - n - - smtp -o smtp_tls_mandatory_protocols=!TLSv1.3 -o smtp_tls_connection_reuse=yes
	CONF
	postfix_start "$LAB-vm" "$dir"
}

mtas_exim() { # DIR: queued and run by drive.py
	local dir=$1/exim-client
	mkdir -p "$dir/spool"
	chown -R Debian-exim "$dir"
	cat >"$dir/exim.conf" <<-'CONF'
		spool_directory = DIR/spool
		log_file_path = DIR/%slog
		primary_hostname = vm.tenant.example
		queue_only
		keep_environment =
		queue_run_max = 1
		trusted_users = root
		never_users =
		remote_max_parallel = 1
		retry_interval_max = 1d
		begin routers
		home:
		  driver = accept
		  domains = tenant.example
		  transport = nowhere
		chunk:
		  driver = manualroute
		  domains = ^chunk\\.s
		  transport = chunk
		  route_data = ${sg{$domain}{\N^[a-z]+\.s(\d+)p\d+\..*$\N}{198.51.100.\$1}}
		nochunk:
		  driver = manualroute
		  domains = ^nochunk\\.s
		  transport = nochunk
		  route_data = ${sg{$domain}{\N^[a-z]+\.s(\d+)p\d+\..*$\N}{198.51.100.\$1}}
		wrap:
		  driver = manualroute
		  domains = ^wrap\\.s
		  transport = wrap
		  route_data = ${sg{$domain}{\N^[a-z]+\.s(\d+)p\d+\..*$\N}{198.51.100.\$1}}
		begin transports
		nowhere:
		  driver = appendfile
		  file = /dev/null
		  user = Debian-exim
		chunk:
		  driver = smtp
		  port = ${sg{$domain}{\N^.*p(\d+)\..*$\N}{\$1}}
		  hosts_require_tls = *
		  tls_verify_certificates =
		nochunk:
		  driver = smtp
		  port = ${sg{$domain}{\N^.*p(\d+)\..*$\N}{\$1}}
		  hosts_require_tls = *
		  hosts_try_chunking =
		  tls_verify_certificates =
		wrap:
		  driver = smtp
		  protocol = smtps
		  port = ${sg{$domain}{\N^.*p(\d+)\..*$\N}{\$1}}
		  tls_verify_certificates =
		begin retry
		* * F,2h,1h
	CONF
	sed -i "s|DIR|$dir|" "$dir/exim.conf"
}

# OpenSMTPD has its queue and socket at fixed paths: it gets folders of its own.
mtas_opensmtpd() { # DIR
	local dir=$1/opensmtpd-client k
	mkdir -p "$dir"
	{
		echo "listen on lo port 2527"
		for k in $servers_numbers; do
			echo "action \"tls$k\" relay host \"smtp+tls://198.51.100.$k:25\" tls no-verify helo vm.tenant.example"
			echo "action \"smtps$k\" relay host \"smtps://198.51.100.$k:465\" tls no-verify helo vm.tenant.example"
			echo "match from any for domain \"plain.s${k}p25.example\" action \"tls$k\""
			echo "match from any for domain \"wrap.s${k}p465.example\" action \"smtps$k\""
		done
	} >"$dir/smtpd.conf"
	lab_start vm opensmtpd-client unshare -m sh -c 'mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/spool &&
		mkdir -p /run/opensmtpd /var/spool/smtpd && chmod 711 /var/spool/smtpd && exec smtpd -d -f "$0"' "$dir/smtpd.conf"
	lab_wait_listen vm 2527
}

mtas_start() { mtas_postfix "$1" && mtas_exim "$1" && mtas_opensmtpd "$1"; }
