#!/bin/bash
# SPDX-License-Identifier: ISC
# make bench-live: the running bulkhead-sensor on a tap of its own, in namespaces.
#
#   tenant eth0 <-----cable-----> vnet1 of the host: bulkhead-sensor --> obs.sock --> live_probe
#
# First paced SMTP (recipients and their replies, one packet at a time): from the kernel's time stamp of a packet to
# the receipt of its observation, and the sensor's CPU time (user and system) per packet, by rate and by rest_us; beside
# it a reader of the same ring, with the same rests, that does nothing ("bare", to its wake-up).
# Then one message of a gigabyte by TCP, as fast as the kernel sends it, whole (GSO super-frames of 64 KB) and in
# packets of 1.5 KB: packets lost in the ring, by ring_mib, the small ones five times.
#
# The machine's own part: witnesses of the highest class (witness.h) note when a processor stood still for 0.3 ms
# or more, which no program of the guest can help. Goals at the defaults: latency of the packets that met no such moment,
# and both numbers are printed; CPU from 10,000 packets a second on, below that in percent of a processor.
# An idle task spins on every processor (lab_keep_awake): AWAKE=no leaves it out.
# Usage: live.sh BUILD     SECONDS_EACH, RATES, RESTS, RINGS, BURSTS, BURST_BYTES from the environment
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-build}")
seconds=${SECONDS_EACH:-4}
rates=${RATES-1000 5000 10000 20000 50000}
default_rest=$(sed -n 's/.*INT("rest_us", [^"]*"\([0-9]*\)".*/\1/p' "$here/../../base/settings.c")
default_ring=$(sed -n 's/.*INT("ring_mib", [^"]*"\([0-9]*\)".*/\1/p' "$here/../../base/settings.c")
rests=${RESTS-0 $default_rest}
rings=${RINGS-8 $default_ring}
bursts=${BURSTS:-5}
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
probe() { # WHAT A B RATE: what live_probe prints
	lab_in news timeout $((seconds + 20)) nice -n -15 "$build/tests/bench/live_probe" "$1" "$2" "$3" \
		"$tenant_if" "$LAB-hv" vnet1 "$4" "$seconds"
}
stolen() { awk '$1 == "cpu" {t = 0; for (i = 2; i <= 9; i++) t += $i; print $9, t}' /proc/stat; }

met=() missed=()
judge() { # what, "value <= limit" for awk
	if awk "BEGIN {exit !($2)}"; then met+=("$1 ($2)"); else missed+=("$1 ($2)"); fi
}
row='%-7s %8s %10s %8s %8s %10s %10s %8s %7s %8s %10s %10s %8s %6s\n'
show() { # READER REST LINE
	local rate p50 p99 a50 a99 share still cpu wakes missing drops
	read -r rate p50 p99 a50 a99 share still cpu wakes missing drops <<<"$3"
	[ -n "${drops:-}" ] || return 1
	printf "$row" "$1" "$2" "$rate" "$p50" "$p99" "$a50" "$a99" "$share" "$still" "$cpu" \
		"$(awk "BEGIN {printf \"%.1f\", $cpu * $rate / 10000}")" "$wakes" "$missing" "$drops"
}

[ "${AWAKE:-yes}" = no ] || lab_keep_awake
before=$(stolen)
echo "$(nproc) CPUs, load $(cut -d' ' -f1 /proc/loadavg), ${seconds} s each, processors kept awake: ${AWAKE:-yes}"
printf "$row" reader rest_us packets/s "p50 us" "p99 us" "awake p50" "awake p99" "% awake" "% still" us/packet "% of a CPU" wake-ups/s missing lost
for rate in $rates; do
	for rest in $rests; do
		show bare "$rest" "$(probe floor "$rest" "$default_ring" "$rate")" || exit 1
		begin_sensor rest_us "$rest" || exit 1
		line=$(probe paced "$LAB_DIR/run" "${LAB_PID[sensor]}" "$rate")
		lab_stop sensor
		show sensor "$rest" "$line" || exit 1
		[ "$rest" -eq "$default_rest" ] || continue
		read -r real p50 p99 a50 a99 share still cpu wakes missing drops <<<"$line"
		judge "p99 in us at $rate packets/s, of the $share % of packets that met a machine awake (of all: $p99)" "$a99 < 1000"
		judge "observations missing at $rate packets/s" "$missing == 0"
		if [ "$rate" -ge 10000 ]; then
			judge "CPU in us per packet at $rate packets/s" "$cpu <= 3"
		else
			judge "CPU in percent of one at $rate packets/s" "$cpu * $real / 10000 <= 5"
		fi
	done
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
		lost=0 runs=1
		[ $frames = whole ] || [ "$ring" -ne "$default_ring" ] || runs=$bursts
		for ((i = 0; i < runs; i++)); do
			read -r took packets drops <<<"$(burst "$ring")"
			[ -n "${drops:-}" ] || exit 1
			printf '%8s %10s %10s %10s %10s\n' "$ring" $frames "$took" "$packets" "$drops"
			lost=$((lost + drops))
		done
		[ "$ring" -ne "$default_ring" ] || judge "packets lost of $runs bursts of $bytes bytes, $frames" "$lost == 0"
	done
done
echo
echo "$before $(stolen)" | awk '{printf "the hypervisor took %.1f %% of the processors away meanwhile (steal in /proc/stat)\n", 100 * ($3 - $1) / ($4 - $2)}'
for line in "${met[@]}"; do echo "goal: $line: met"; done
for line in "${missed[@]}"; do echo "goal: $line: MISSED"; done
