#!/bin/bash
# SPDX-License-Identifier: ISC
# The units in systemd/: how exposed they are, and whether the programs can work under them.  Guard and sensor run
# under User=, capabilities, address families, system calls and memory protection of their own units (unit_jail.c),
# in a network namespace and with the users that sysusers would have made.  Usage: test_units.sh BUILD.
set -u
build=$(realpath "${1:?usage: $0 BUILD}")
tree=$(realpath "$(dirname "$0")/../..")
if [ "$(id -u)" -ne 0 ]; then
	echo "skipped: needs root for namespaces"
	exit 77
fi
if [ "${2:-}" != inside ]; then
	exec unshare --net --mount --propagation private bash "$0" "$build" inside
fi
work=$(mktemp -d "/tmp/bulkhead-units-XXXXXX")
pids=()
cleanup() {
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
	for p in "${pids[@]}"; do wait "$p" 2>/dev/null; done
	rm -rf "$work"
}
trap cleanup EXIT

# shellcheck source=tests/lab/checks.sh
. "$tree/tests/lab/checks.sh"
has() { grep -qE -- "$2" "$1"; }

# --- exposure: --threshold counts in tenths ---
is exposure-sensor systemd-analyze security --no-pager --offline=yes --threshold=15 "$tree/systemd/bulkhead-sensor.service"
is exposure-notice systemd-analyze security --no-pager --offline=yes --threshold=15 "$tree/systemd/bulkhead-notice.service"
is exposure-guard systemd-analyze security --no-pager --offline=yes --threshold=25 "$tree/systemd/bulkhead-guard.service"
is exposure-restore systemd-analyze security --no-pager --offline=yes --threshold=25 "$tree/systemd/bulkhead-restore.service"
is exposure-notify systemd-analyze security --no-pager --offline=yes --threshold=56 "$tree/systemd/bulkhead-notify.service"
is exposure-libvirt systemd-analyze security --no-pager --offline=yes --threshold=15 "$tree/systemd/bulkhead-libvirt.service"
for u in sensor guard restore notify notice libvirt; do
	unit=$tree/systemd/bulkhead-$u.service
	# No directive may be silently unknown: a typing error would leave a hole.
	systemd-analyze security --no-pager --offline=yes "$unit" 2>"$work/unknown" >/dev/null
	is "known-directives-$u" test ! -s "$work/unknown"
	for off in PrivateNetwork PrivateUsers RootDirectory; do
		is "reason-$u-$off" has "$unit" "^(# Off: .*$off.*because|$off=)"
	done
done

# The guard and the sensor have their share beside the guests, and the file says so without a word that is unknown.
is slice-is-known bash -c "! systemd-analyze verify --man=no '$tree/systemd/bulkhead.slice' 2>&1 | grep ."
for u in sensor guard; do is "slice-of-$u" has "$tree/systemd/bulkhead-$u.service" '^Slice=bulkhead\.slice$'; done

# --- the users of sysusers.d, in this mount namespace only ---
cp /etc/passwd "$work/passwd"
cp /etc/group "$work/group"
n=64100
for name in $(awk '$1 == "u" {print $2}' "$tree/systemd/bulkhead.sysusers"); do
	n=$((n + 1))
	sed -i "/^$name:/d" "$work/passwd" "$work/group"
	echo "$name:x:$n:$n::/nonexistent:/usr/sbin/nologin" >>"$work/passwd"
	echo "$name:x:$n:" >>"$work/group"
done
mount --bind "$work/passwd" /etc/passwd
mount --bind "$work/group" /etc/group
chmod 755 "$work"
# What RuntimeDirectory= and StateDirectory= do.
install -d -o bulkhead -g bulkhead -m 755 "$work/run"
install -d -o bulkhead -g bulkhead -m 700 "$work/state"
cat >"$work/bulkhead.conf" <<CONF
run_dir = "$work/run"
state_dir = "$work/state"
mode = "enforce"
notice = yes
notice_addresses = {"127.0.0.1", "::1"}
CONF
ip link set lo up
ip link add vnet7 type veth peer name inside7
ip link set vnet7 up
ip link set inside7 up

start() { # program [argument...]: under its unit, with a service manager that listens
	local u=$1
	shift
	NOTIFY_SOCKET=$work/notify-$u exec "$build/tests/lab/unit_jail" "$tree/systemd/bulkhead-$u.service" \
		"$build/bulkhead-$u" --config "$work/bulkhead.conf" "$@"
}
for u in guard sensor notice; do
	python3 "$tree/tests/lab/notify_listen.py" "$work/notify-$u" "$work/notified-$u" &
	pids+=($!)
	soon 60 test -S "$work/notify-$u"
done
(start guard) >"$work/guard.log" 2>&1 &
guard=$!
pids+=("$guard")
is guard-ready soon 60 has "$work/notified-guard" '^READY=1'
(start sensor) >"$work/sensor.log" 2>&1 &
pids+=($!)
is sensor-ready soon 60 has "$work/notified-sensor" '^READY=1'
is notice-is-wanted "$build/tests/lab/unit_jail" "$tree/systemd/bulkhead-notice.service" "$build/bulkhead-notice" \
	--config "$work/bulkhead.conf" --wanted
(start notice) >"$work/notice.log" 2>&1 &
pids+=($!)
is notice-ready soon 60 has "$work/notified-notice" '^READY=1'
is notice-is-its-own-user has "$work/notice.log" 'user=bulkhead-notice'
is notice-hears-the-guard soon 60 has "$work/notice.log" 'notice\.guard\.connected'
is guard-has-an-enforcer has "$work/guard.log" 'enforcer=yes user=bulkhead'
b=("$build/bulkhead" --config "$work/bulkhead.conf")

is sensor-reports soon 60 bash -c "'${b[0]}' --config '$work/bulkhead.conf' --json status | grep -q '\"connected\": true'"
is watchdog-guard soon 60 has "$work/notified-guard" '^WATCHDOG=1'
is watchdog-notice soon 60 has "$work/notified-notice" '^WATCHDOG=1'
is watchdog-sensor soon 60 has "$work/notified-sensor" '^WATCHDOG=1'
enforcer=$("${b[@]}" --json status | jq .enforcer.pid)
is enforcer-is-another-user test "$(stat -c %U "/proc/$enforcer")" = bulkhead-enforcer
is judge-has-no-capability grep -qE '^CapPrm:\s*0+$' "/proc/$guard/status"
is judge-has-no-bounding-or-ambient grep -qE '^CapAmb:\s*0+$' "/proc/$guard/status"
is enforcer-has-one-capability grep -qE '^CapPrm:\s*0+1000$' "/proc/$enforcer/status"

printf 'server,virtualization,interfaces,addresses\nvm-7,kvm,vnet7,192.0.2.7\n' >"$work/servers.csv"
is import "${b[@]}" server import "$work/servers.csv"
is block "${b[@]}" block vm-7 --reason test --for 2h
in_kernel() { nft list ruleset | grep -qE 'vnet7.*case=bh-'; }
is block-in-the-kernel in_kernel

# --- reload keeps everything; a bad file is refused ---
echo 'log_level = "debug"' >>"$work/bulkhead.conf"
kill -HUP "$guard"
is reload soon 60 has "$work/guard.log" 'guard\.reloaded'
echo 'banana = 1' >>"$work/bulkhead.conf"
kill -HUP "$guard"
is reload-bad-file soon 60 has "$work/guard.log" 'guard\.reload\.failed kept=old .*banana'
sed -i '/banana/d' "$work/bulkhead.conf"
is reload-keeps-the-block in_kernel
is still-answers "${b[@]}" status

# --- upgrade: the guard goes and comes, the block stands throughout ---
kill "$guard"
wait "$guard"
is stop-in-order test $? -eq 0
is block-without-a-guard in_kernel

# --- reboot: the rules are gone, and come back before the guard ---
nft flush ruleset
is reboot-loses-the-rules bash -c '! nft list ruleset | grep -q case=bh-'
is restore timeout 120 "$build/tests/lab/unit_jail" "$tree/systemd/bulkhead-restore.service" "$build/bulkhead-guard" \
	--config "$work/bulkhead.conf" --restore
is restore-puts-the-block-back in_kernel

: >"$work/notified-guard"
(start guard) >"$work/guard2.log" 2>&1 &
guard=$!
pids+=("$guard")
is guard-again soon 60 has "$work/notified-guard" '^READY=1'
is block-after-restart in_kernel
is case-after-restart bash -c "'${b[0]}' --config '$work/bulkhead.conf' status | grep -q 'vm-7.*block.*bh-'"
is sensor-reconnects soon 60 bash -c "'${b[0]}' --config '$work/bulkhead.conf' --json status | grep -q '\"connected\": true'"
is ledger-whole "${b[@]}" ledger verify

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] || { cat "$work"/*.log | tail -n 20; exit 1; }
