#!/bin/bash
# SPDX-License-Identifier: ISC
# What a packet costs, beside others on the same files in the same run: bare libpcap (the floor), our tap alone, our
# sensor (packets to observations), `bulkhead replay` (with the judge), and what Debian has: ndpiReader (only
# classifies), tcpflow (only reassembles), tshark (SMTP fields).  CPU time, median of several rounds, taken in turn so
# that a busy machine slows all alike.
# Beside each goal stands whether it was met in this run.
# Usage: bench.sh BUILD [ROUNDS]
# BENCH_MESSAGES: size of the capture in the clear (default 200000: two million packets)
# BENCH_SERVERS: size of the mixed one (default 3700: two million packets)
set -u
cd "$(dirname "$0")/../.."
build=${1:-build}
rounds=${2:-5}
messages=${BENCH_MESSAGES:-200000}
servers=${BENCH_SERVERS:-3700}
suricata=14.6 # times the floor: its SMTP log alone on the same kind of capture, measured before (Suricata 6.0.10)
bench=$build/tests/bench/bench_sensor
work=$(mktemp -d "${TMPDIR:-/tmp}/bulkhead-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT

median() { sort -n | awk '{v[NR]=$1} END {print v[int((NR + 1) / 2)]}'; }

# CPU seconds (user and system) of a command, its output thrown away.
cpu() { (
	TIMEFORMAT='%U %S'
	{ time timeout 900 "$@" >/dev/null 2>"$work/err"; } 2>&1
) | tail -n 1 | awk '{print $1 + $2}'; }

declare -A command=(
	[ndpiReader]="ndpiReader -q -i FILE"
	[tcpflow]="tcpflow -q -o $work/flows -r FILE"
	[tshark]="tshark -n -r FILE -Y smtp -T fields -e smtp.req.command -e smtp.response.code"
)
peers=()
for tool in ndpiReader tcpflow tshark; do
	if command -v $tool >/dev/null; then
		peers+=($tool)
	else
		echo "SKIP $tool: not installed (apt-get install libndpi-bin tcpflow tshark)"
	fi
done

row() { # name, ns per packet, floor
	awk -v n="$1" -v ns="$2" -v f="$3" \
		'BEGIN {printf "%-26s %12.0f %14.0f %10.1f\n", n, ns, 1e9 / ns, ns / f}'
}

# "goal: WHAT: met (RATIO, wanted at least LIMIT)"; `most`: at most.
goal() { # what, numerator, denominator, least|most, limit
	awk -v what="$1" -v a="$2" -v b="$3" -v kind="$4" -v limit="$5" 'BEGIN {
		ratio = a / b
		met = kind == "least" ? ratio >= limit : ratio <= limit
		printf "goal: %s: %s (%.2f, wanted at %s %.1f)\n", what, met ? "met" : "MISSED", ratio, kind, limit
	}'
}

# Medians, for the goals: ns[program].
declare -A ns=()

measure() { # title, file, part of it for the slow ones
	local file=$2 packets floor i r tool
	packets=$("$bench" floor "$file" | cut -d' ' -f1)
	echo
	echo "$1: $packets packets, $(($(stat -c %s "$file") / 1000000)) MB, median of $rounds rounds"
	printf '%-26s %12s %14s %10s\n' program ns/packet packets/s "x floor"
	for i in $(seq "$rounds"); do
		for r in floor tap sensor; do "$bench" $r "$file" | cut -d' ' -f2 >>"$work/$r"; done
		cpu "$build/bulkhead" replay --json "$file" | awk -v p="$packets" '{print $1 * 1e9 / p}' >>"$work/replay"
	done
	# What costs the more for being slow gets a tenth of it: the cost per packet does not change.
	for tool in "${peers[@]}"; do
		local input=$file n=$packets
		[ $tool = ndpiReader ] || { input=$3 n=$("$bench" floor "$3" | cut -d' ' -f1); }
		for i in 1 2 3; do
			rm -rf "$work/flows"
			mkdir "$work/flows"
			# shellcheck disable=SC2086
			cpu ${command[$tool]/FILE/$input} | awk -v p="$n" '{print $1 * 1e9 / p}' >>"$work/$tool"
			[ $tool = tshark ] && break
		done
	done
	for r in floor tap sensor replay "${peers[@]}"; do ns[$r]=$(median <"$work/$r"); done
	floor=${ns[floor]}
	row "floor (bare libpcap)" "$floor" "$floor"
	row "bulkhead: tap" "${ns[tap]}" "$floor"
	row "bulkhead: sensor" "${ns[sensor]}" "$floor"
	row "bulkhead replay" "${ns[replay]}" "$floor"
	for tool in "${peers[@]}"; do row "$tool" "${ns[$tool]}" "$floor"; done
	rm -f "$work"/{floor,tap,sensor,replay,ndpiReader,tcpflow,tshark}
}

# Those that hold for every kind of traffic.
judge_peers() {
	[ -z "${ns[ndpiReader]:-}" ] || goal "ndpiReader / sensor" "${ns[ndpiReader]}" "${ns[sensor]}" least 1.7
	[ -z "${ns[tshark]:-}" ] || goal "tshark / sensor" "${ns[tshark]}" "${ns[sensor]}" least 60
}

make_capture() { # file, scenario and options
	local file=$1
	shift
	"$build/tests/gen/smtpgen" "$@" -o "$file" >/dev/null || exit 1
}

echo "$(nproc) CPUs, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), load $(cut -d' ' -f1 /proc/loadavg)"
make_capture "$work/bulk.pcap" bulk --messages "$messages"
make_capture "$work/bulk-part.pcap" bulk --messages $((messages / 10))
measure "bulk mail in the clear" "$work/bulk.pcap" "$work/bulk-part.pcap"
goal "sensor / floor" "${ns[sensor]}" "${ns[floor]}" most 2.5
judge_peers
goal "Suricata's SMTP log ($suricata x floor) / sensor" "$(awk "BEGIN {print $suricata * ${ns[floor]}}")" "${ns[sensor]}" least 6
allocations=$("$bench" sensor-alone "$work/bulk.pcap" | cut -d' ' -f5)
echo "goal: no allocation per packet: $([ "$allocations" -eq 0 ] && echo met || echo MISSED) ($allocations in the whole run, without nDPI)"
rm -f "$work"/bulk*.pcap
make_capture "$work/mix.pcap" mix --servers "$servers"
make_capture "$work/mix-part.pcap" mix --servers $((servers / 20))
measure "mixed, with STARTTLS, refusals and bodies of up to 20 KB" "$work/mix.pcap" "$work/mix-part.pcap"
judge_peers
rm -f "$work"/mix*.pcap
echo
echo "cost per packet (one recipient and its reply in turn) by servers and flows; memory of the sensor without nDPI"
"$bench" tables
