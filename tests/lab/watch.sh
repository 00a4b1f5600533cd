#!/bin/bash
# SPDX-License-Identifier: ISC
# `make run IFACE=eth0`: watches a real interface and only observes; nothing is ever blocked.  watch.sh BUILD IFACE
set -u
build=$1 iface=$2
if ! ip link show "$iface" >/dev/null 2>&1; then
	echo "watch.sh: there is no interface \"$iface\"; there are: $(ip -o link | awk -F': ' '{print $2}' | paste -sd' ')" >&2
	exit 1
fi
dir=$(mktemp -d /tmp/bulkhead-watch.XXXXXX)
chmod 755 "$dir"
guard= sensor=
finish() {
	[ -n "$sensor" ] && kill "$sensor" 2>/dev/null && wait "$sensor" 2>/dev/null
	[ -n "$guard" ] && kill "$guard" 2>/dev/null && wait "$guard" 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 0' INT TERM
cat >"$dir/bulkhead.conf" <<EOF
run_dir = "$dir/run"
state_dir = "$dir/state"
mode = "observe"
device = "$iface"
EOF
"$build/bulkhead-guard" --config "$dir/bulkhead.conf" --watch >"$dir/guard.log" 2>&1 &
guard=$!
"$build/bulkhead-sensor" --config "$dir/bulkhead.conf" >"$dir/sensor.log" 2>&1 &
sensor=$!
for i in $(seq 100); do
	grep -q 'sensor\.ready' "$dir/sensor.log" && grep -q 'guard\.ready' "$dir/guard.log" && break
	if ! kill -0 $guard 2>/dev/null || ! kill -0 $sensor 2>/dev/null; then
		cat "$dir/guard.log" "$dir/sensor.log" >&2
		exit 1
	fi
	sleep 0.1
done
cat <<EOF
Watching $iface; nothing is blocked.  Servers are named by their address.  Ctrl-C ends it.

  $build/bulkhead --config $dir/bulkhead.conf            shows more, while this runs
  $build/bulkhead --config $dir/bulkhead.conf explain ADDRESS

To enforce: tell the guard whose packet is whose (bulkhead server import servers.csv), start both daemons with
/etc/bulkhead/bulkhead.conf, look at what it would have blocked for some days, then: bulkhead mode enforce

EOF
while kill -0 $guard 2>/dev/null && kill -0 $sensor 2>/dev/null; do
	[ -t 1 ] && printf '\e[2J\e[H'
	date '+%H:%M:%S'
	"$build/bulkhead" --config "$dir/bulkhead.conf" server list
	sleep "${BULKHEAD_WATCH_SECONDS:-5}"
done
cat "$dir/guard.log" "$dir/sensor.log" >&2
exit 1
