# SPDX-License-Identifier: ISC
# The people of the lab: MX hosts of the internet, tenants that send, and the two daemons of the hypervisor.
# Source after lab.sh and postfix.sh; needs $build.  MX 1..(last-1) are a sink, the last is a real Postfix with TLS.

cast_picture() { # FILE: 640x400, a bar and lines like a page's
	base64 -d >"$1" <<<'iVBORw0KGgoAAAANSUhEUgAAAoAAAAGQAQAAAAAWiOyIAAAApUlEQVR42u3WsQkAMAhFQYfJ/isq6VNJIAbuDXCd+CMkSZIkaVi5W73yEBDYBi8GBAKBX4N+ChAIBPopQCAQ6KcAgUCgFwAEAoFeABAIBNqHQCAQaB8CgUCgfQgEAoH2IRAIBNqHQCAQaB8CgUCgfQgEAoH2IRAIBNqHQCAQaB8CgUCgfQgEAoH2IRAIBNqHQCAQaB8C/WW3DAQCgUAgEAgEAl+BBXzGrC+spo07AAAAAElFTkSuQmCC'
}

# cast_mail FILE FROM SUBJECT [unsubscribe]: a message of the size of an ordinary newsletter.
cast_mail() {
	{
		printf 'From: %s\nTo: subscriber@example.net\nSubject: %s\n' "$2" "$3"
		printf 'Date: %s\nMessage-ID: <%s@%s>\nMIME-Version: 1.0\n' "$(LC_ALL=C date -R)" "$RANDOM$RANDOM" "${2#*@}"
		[ -n "${4:-}" ] && printf 'List-Unsubscribe: <https://%s/u/0123456789abcdef>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n' "${2#*@}"
		printf 'Content-Type: text/plain; charset=utf-8\n\n'
		for i in $(seq 40); do echo "Line $i of what $2 has to say about $3, once more for everybody."; done
		[ -n "${4:-}" ] && printf '\nTo leave the list: https://%s/u/0123456789abcdef\n' "${2#*@}"
	} >"$1"
}

# cast_resident PID...: MiB of memory; a page that several of them share (libraries, what a fork left alone) counts once.
cast_resident() { awk '/^Pss:/ {s += $2} END {printf "%.1f", s / 1024}' $(for p in "$@"; do echo "/proc/$p/smaps_rollup"; done); }

# cast_internet MX-COUNT: a sink behind every MX address, and Postfix with STARTTLS as the last one.  That one knows
# everybody in *.example but, in people.example, only the even numbers.
cast_internet() {
	local mx4 mx6 dir=$LAB_DIR/mx
	mx4=$(lab_mx4 "$1") mx6=$(lab_mx6 "$1")
	lab_in ext nft -f - <<-EOF
		table inet mx {
			chain pre {
				type nat hook prerouting priority -100;
				ip daddr != $mx4 tcp dport 25 redirect to :2525
				ip6 daddr != $mx6 tcp dport 25 redirect to :2525
			}
		}
	EOF
	lab_start ext sink4 smtp-sink -m 900 -u nobody 0.0.0.0:2525 1000
	lab_start ext sink6 smtp-sink -m 900 -u nobody "[::]:2525" 1000
	lab_start ext submission smtp-sink -u nobody 0.0.0.0:587 1000
	postfix_make "$dir" mx.example.net
	postfix_certificate "$dir" mx.example.net
	cat >"$dir/known" <<-'EOF'
		/^([0-9]*[02468])?[a-z]+@people\.example$/ x
		/@dest[0-9]+\.example$/ x
	EOF
	echo '/^(dest[0-9]+|people)\.example$/ x' >"$dir/domains"
	cat >>"$dir/main.cf" <<-EOF
		inet_interfaces = $mx4, $mx6
		# the house of many people: mail to a single organisation's is judged otherwise (policy/window_peer.c)
		smtpd_banner = mx00.mail.ru ESMTP
		smtpd_tls_chain_files = $dir/tls.pem
		smtpd_tls_security_level = may
		virtual_mailbox_domains = regexp:$dir/domains
		virtual_mailbox_maps = regexp:$dir/known
		virtual_transport = discard:
		smtpd_recipient_restrictions = reject_unauth_destination
		smtpd_client_connection_count_limit = 0
		smtpd_error_sleep_time = 0
	EOF
	printf '%s:25 inet n - n - - smtpd\n[%s]:25 inet n - n - - smtpd\n' "$mx4" "$mx6" >>"$dir/master.cf"
	postfix_start "$LAB-ext" "$dir" && lab_wait_listen ext 2525 && lab_wait_listen ext 25
}

# cast_config FILE MODE: what the guard and the sensor of this lab read.
cast_config() {
	cat >"$1" <<-EOF
		run_dir = "$LAB_DIR/run"
		state_dir = "$LAB_DIR/state"
		user = "nobody"
		mode = "$2"
		interfaces = {"vnet*"}
		case_url = "https://provider.example/case/%s"
		${3:-}
	EOF
}

# cast_guard, cast_sensor: start in the hypervisor and wait until ready; cast_ready_ms says how long that took, and
# cast_busy_ms for how much of it this machine was busy with others, where the kernel tells (lab_stalled_us).
cast_start() { # LABEL PROGRAM EVENT ARGUMENTS...
	local label=$1 program=$2 event=$3 begin=${EPOCHREALTIME/./} from
	from=$(lab_stalled_us)
	shift 3
	lab_start hv "$label" ${cast_as:-} "$build/$program" --config "$LAB_DIR/bulkhead.conf" "$@"
	lab_wait_line 60 "$LAB_DIR/$label.log" "$event" || { cat "$LAB_DIR/$label.log" >&2; return 1; }
	cast_ready_ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
	cast_busy_ms=0
	[ -z "$from" ] || cast_busy_ms=$((($(lab_stalled_us) - from) / 1000))
}
cast_guard() { cast_start guard bulkhead-guard 'guard\.ready' "$@"; }
cast_sensor() { cast_start sensor bulkhead-sensor 'sensor\.ready' "$@"; }

# The CLI, as root in the hypervisor.
bulkhead() { lab_in hv "$build/bulkhead" --config "$LAB_DIR/bulkhead.conf" "$@"; }

# cast_inventory FILE NAME...: every tenant of the lab as a KVM server with its port.
cast_inventory() {
	local file=$1 n
	shift
	echo "server,tenant,plan,virtualization,interfaces,macs,addresses" >"$file"
	for n in "$@"; do
		echo "$n,$n-inc,,kvm,$(lab_port "$n"),$(lab_mac "$n"),$(lab_addr4 "$n");$(lab_net6 "$n")" >>"$file"
	done
}

# cast_send NAME ADDRESS COUNT FROM RECIPIENT [smtp-source options]: prints how many were accepted.
cast_send() {
	local ns=$1 to=$2 count=$3 from=$4 rcpt=$5
	shift 5
	lab_in "$ns" timeout 60 smtp-source -c -N -m "$count" -f "$from" -t "$rcpt" "$@" "$to" 2>/dev/null |
		tr '\r' '\n' | grep -E '^[0-9]+' | tail -n 1 | grep -oE '^[0-9]+' || echo 0
}

# cast_verdict NAME MEMBER: a member of `server show --json`.
cast_verdict() { bulkhead server show "$1" --json 2>/dev/null | jq -r ".$2"; }
cast_is() { [ "$(cast_verdict "$1" verdict)" = "$2" ]; }
