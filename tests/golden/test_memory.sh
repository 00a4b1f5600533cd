#!/bin/bash
# SPDX-License-Identifier: ISC
# Memory of the sensor: a million tracked flows within 512 MiB, all of it reserved at the start, nothing allocated
# for a packet (nDPI apart, which is only asked about what is not SMTP).
# Usage: test_memory.sh BUILD
set -u
cd "$(dirname "$0")/../.."
build=${1:-build}
bench=$build/tests/bench/bench_sensor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

check() { # title, condition that holds, what was found
	if [ "$2" = 1 ]; then
		echo "ok $1 ($3)"
		passed=$((passed + 1))
	else
		echo "FAIL $1: $3"
		failed=$((failed + 1))
	fi
}

read -r flows _ _ live reserved resident _ < <("$bench" memory)
check "a million flows are tracked" "$([ "${live:-0}" = 1000000 ] && echo 1)" "${live:-none} of ${flows:-?}"
check "they fit into 512 MiB" "$(awk -v m="${reserved:-9999}" 'BEGIN {print m <= 512}')" "${reserved:-?} MiB reserved, ${resident:-?} touched"

for scenario in mix reorder rcpt-mixed tls-newsletter bdat-split not-smtp; do
	"$build/tests/gen/smtpgen" $scenario -o "$work/c.pcap" --seed 7 >/dev/null
	# libpcap lets its own buffer grow with the largest packet of a file; that is what the tap alone shows.
	read -r packets _ _ _ libpcap < <("$bench" tap "$work/c.pcap")
	read -r packets _ _ _ allocations < <("$bench" sensor-alone "$work/c.pcap")
	check "no allocation per packet: $scenario" "$([ "${allocations:-x}" = "${libpcap:-y}" ] && echo 1)" \
		"${allocations:-?} in ${packets:-?} packets, libpcap's own ${libpcap:-?}"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
