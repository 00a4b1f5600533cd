#!/bin/bash
# SPDX-License-Identifier: ISC
# make bench-live: the running bulkhead-sensor on a tap of its own, in namespaces.
#
#   tenant eth0 <-----cable-----> vnet1 of the host: bulkhead-sensor --> obs.sock --> live_probe
#
# First paced SMTP (recipients and their replies, one packet at a time): from the kernel's time stamp of a packet to
# the receipt of its observation, and the sensor's CPU time (user and system) per packet, by rate and by rest_us.
# Then one message of a gigabyte by TCP, as fast as the kernel sends it, whole (GSO super-frames of 64 KB) and in
# packets of 1.5 KB: packets lost in the ring, by ring_mib.  Goals at the defaults.
# Usage: live.sh BUILD     SECONDS_EACH, RATES, RESTS, RINGS, BURST_BYTES from the environment
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
seconds=${SECONDS_EACH:-5}
rates=${RATES:-1000 5000 10000 20000 50000}
default_rest=$(sed -n 's/.*INT("rest_us", [^"]*"\([0-9]*\)".*/\1/p' "$here/../../base/settings.c")
default_ring=$(sed -n 's/.*INT("ring_mib", [^"]*"\([0-9]*\)".*/\1/p' "$here/../../base/settings.c")
rests=${RESTS:-0 200 $default_rest 2000}
rings=${RINGS:-1 2 4 $default_ring}
bytes=${BURST_BYTES:-1000000000}
LAB=${LAB:-live$$}
. "$here/../lab/lab.sh"
. "$here/../lab/cast.sh"
cast_as="nice -n -15" # as in systemd/*.service
lab_need
lab_begin routed 1 && lab_tenant news || exit 1
mkdir -p "$LAB_DIR/run" "$LAB_DIR/state"
chmod 777 "$LAB_DIR/run" "$LAB_DIR/state"
tenant_if=$(ip -n "$LAB-news" -o link show type veth 2>/dev/null | sed 's/^[0-9]*: \([^@:]*\).*/\1/')

begin_sensor() { # KEY VALUE: of the configuration
	cast_config "$LAB_DIR/bulkhead.conf" observe "$1 = $2"
	cast_sensor
}

paced() { # RATE: "rate p50 p99 cpu missing"
	lab_in news timeout $((seconds + 20)) nice -n -15 "$build/tests/bench/live_probe" paced "$LAB_DIR/run" \
		"${LAB_PID[sensor]}" "$tenant_if" "$LAB-hv" vnet1 "$1" "$seconds"
}

met=() missed=()
judge() { # what, "value <= limit" for awk
	if awk "BEGIN {exit !($2)}"; then met+=("$1 ($2)"); else missed+=("$1 ($2)"); fi
}

echo "$(nproc) CPUs, load $(cut -d' ' -f1 /proc/loadavg), ${seconds} s each"
printf '%8s %10s %10s %10s %14s %9s\n' rest_us packets/s "p50 us" "p99 us" "CPU us/packet" missing
for rest in $rests; do
	begin_sensor rest_us "$rest" || exit 1
	for rate in $rates; do
		read -r real p50 p99 cpu missing <<<"$(paced "$rate")"
		[ -n "${missing:-}" ] || exit 1
		printf '%8s %10s %10s %10s %14s %9s\n' "$rest" "$real" "$p50" "$p99" "$cpu" "$missing"
		[ "$rest" -eq "$default_rest" ] || continue
		judge "p99 in us at $rate packets/s" "$p99 < 1000"
		# One packet of few is a wake-up of its own whatever one does, and then CPU is not what is scarce.
		[ "$rate" -lt 10000 ] || judge "CPU in us per packet at $rate packets/s" "$cpu <= 3"
	done
	lab_stop sensor
done

# One message of $bytes; prints "seconds packets drops".
burst() {
	local log=$LAB_DIR/sensor.log took
	begin_sensor ring_mib "$1" || return 1
	took=$(lab_in news timeout 120 "$build/tests/bench/live_probe" burst "$gateway" "$bytes") || return 1
	lab_stop sensor
	echo "$took $(sed -n 's/.*sensor.stopped.* packets=\([0-9]*\) .* ring_drops=\([0-9]*\) .*/\1 \2/p' "$log")"
}
lab_start hv sink "$build/tests/bench/live_probe" sink
lab_wait_listen hv 25 || exit 1
gateway=203.0.113.1
echo
printf '%8s %10s %10s %10s %10s\n' ring_mib frames seconds packets lost
for frames in whole cut; do
	[ $frames = whole ] || ip -n "$LAB-news" link set "$tenant_if" gso_max_segs 1
	for ring in $rings; do
		read -r took packets drops <<<"$(burst "$ring")"
		[ -n "${drops:-}" ] || exit 1
		printf '%8s %10s %10s %10s %10s\n' "$ring" $frames "$took" "$packets" "$drops"
		[ "$ring" -ne "$default_ring" ] || judge "packets lost of a burst of $bytes bytes, $frames" "$drops == 0"
	done
done
echo
for line in "${met[@]}"; do echo "goal: $line: met"; done
for line in "${missed[@]}"; do echo "goal: $line: MISSED"; done
