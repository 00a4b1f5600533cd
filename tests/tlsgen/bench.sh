#!/bin/bash
# SPDX-License-Identifier: ISC
# `make bench-tls`: makes fresh encrypted sessions and prints how well their messages are counted, beside the prototype
# of ../shared/prototypes where it is there: bench.sh BUILD [SEED [JOBS]]
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$1 seed=${2:-$(date +%s)} jobs=${3:-310}
out=$build/tls-sessions
shared=${BULKHEAD_SHARED:-../shared}
prototype=()

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
mkdir -p "$out"
echo "making $jobs jobs of real sessions with seed $seed (about 1.5 s each)" >&2
"${as_root[@]}" tests/tlsgen/sessions.sh "$out" "$seed" "$jobs" all 2>"$out/log" || { tail -n 20 "$out/log" >&2; exit 1; }
tail -n 1 "$out/log" | grep -a '^tlsgen: seed'

if [ -e "$shared/prototypes/tlsx.c" ]; then
	if cc -O2 -w -I "$shared/prototypes" -o "$out/tlsx" "$shared/prototypes/tlsx.c" -lm 2>>"$out/log" &&
		timeout 120 "$out/tlsx" "$out/sessions.pcap" >"$out/prototype" 2>>"$out/log"; then
		prototype=("$out/prototype")
	else
		echo "SKIPPED: the prototype does not build or run here; see $out/log"
	fi
fi
"$build/tests/bench/bench_tls" "$out/sessions.pcap" "$out/sessions.truth" "${prototype[@]}" || exit 1

data=${BULKHEAD_DATA:-../shared/data}/tls
if [ -f "$data/dev.pcap" ]; then
	printf '\ndev.pcap, by which the first model was set:\n'
	"$build/tests/bench/bench_tls" --dev "$data" | grep -aE '^\| (client|all|smtplib|pipe|bdat|line|chunk|rset|---)'
fi
