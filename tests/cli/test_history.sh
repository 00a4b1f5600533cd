#!/bin/bash
# SPDX-License-Identifier: ISC
# What a guard keeps of what it saw: replay --history with today's policy and with candidates, the observations that
# led to a case, and what both do when files are missing or damaged.  Usage: test_history.sh BUILD.  Needs root.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
needs_root
driver=$build/tests/lab/soak_driver
[ -x "$driver" ] || { echo "$driver is missing: make test-programs"; exit 1; }

start_guard unshare --net
{
	echo server,tenant,plan,virtualization,interfaces,macs,addresses
	for i in $(seq 0 9); do echo "vm-$i,t$i,,kvm,tap$i,,10.0.0.$((i + 1))"; done
} >servers.csv
"${b[@]}" server import servers.csv >/dev/null

# --- before anything was seen ---
refused nothing-yet 1 'no history yet' "${b[@]}" replay --history
refused captures-want-files 2 'or --history' "${b[@]}" replay
refused since-wants-history 2 'need --history' "${b[@]}" replay --since 7d x.pcap
refused since-nonsense 2 'a date like' "${b[@]}" replay --history --since yesterday
refused until-before-since 2 'not after' "${b[@]}" replay --history --since 2026-01-02 --until 2026-01-01

# --- two mailings among ten servers: some 50 recipients a second between them ---
"$driver" "$work/run/obs.sock" 10 20 14 2 >driver.out 2>&1
prints shadow-blocks 'bh-' "${b[@]}" status
printf 'recipients_per_5min = 400\nrecipients_per_hour = 1200\nrecipients_per_day = 4000\n' >loose.conf
printf 'recipients_per_5min = 5\n' >tight.conf
prints today '10 servers, 2 of them blocked' "${b[@]}" replay --history
prints loose '0 newly blocked, 2 no longer' "${b[@]}" replay --history --policy loose.conf
prints loose-settings 'recipients_per_5min .*20 -> 400' "${b[@]}" replay --history --policy loose.conf
prints loose-why 'gone: .*different recipients in 5 minutes' "${b[@]}" replay --history --policy loose.conf
prints tight '2 the same' "${b[@]}" replay --history --policy tight.conf
prints one-server '"server": "vm-1"' "${b[@]}" replay --history --policy loose.conf --server vm-1 --json
if [ "$(jq -r '.servers | length' out)" -eq 1 ]; then ok one-server-alone; else fail one-server-alone "$(head -c 300 out)"; fi
refused unknown-server 1 'no server "vm-99"' "${b[@]}" replay --history --server vm-99
prints later-nothing '0 of them blocked' "${b[@]}" replay --history --since 2090-01-01
prints since-an-hour '2 of them blocked' "${b[@]}" replay --history --since 1h

# What the guard decided is what comes out again, to the second.
"${b[@]}" --json status | jq -r '.blocked[] | [.server, .blocked_at[0:18]] | join(" ")' | sort >live
"${b[@]}" --json replay --history | jq -r '.servers[] | select(.blocked_at) | [.server, .blocked_at[0:18]] | join(" ")' | sort >again
if [ -s live ] && cmp -s live again; then ok same-verdicts; else fail same-verdicts "live $(paste -sd' ' live); again $(paste -sd' ' again)"; fi

# --- files, and who may have them ---
day=$(ls state/history/*.bhh)
prints a-file-by-name '10 servers, 2 of them blocked' "$bulkhead" replay --history "$day" --inventory servers.csv
refused not-a-history 1 'is no history' "$bulkhead" replay --history servers.csv
if grep -aqE '[a-z0-9]{3}@[a-z0-9]{3}' "$day"; then fail private "an address stands in $day"; else ok private; fi
stat -c %a "$day" >mode
prints file-mode '^600$' cat mode
cp "$day" cut.bhh
truncate -s -7 cut.bhh
prints a-cut-tail 'observations' "$bulkhead" replay --history cut.bhh
cp "$day" bent.bhh
printf 'X' | dd of=bent.bhh bs=1 seek=$(($(stat -c %s bent.bhh) / 2)) conv=notrunc 2>/dev/null
prints a-damaged-part 'damaged' "$bulkhead" replay --history bent.bhh

# --- cases: what would have happened, and what led to it ---
prints cases '^bh-.*vm-[01] .*block .*would have' "${b[@]}" cases
prints cases-shadow 'would have' "${b[@]}" cases --shadow --blocks
"${b[@]}" cases --json >cases.json
prints cases-of-a-server '"server": "vm-1"' "${b[@]}" cases vm-1 --json
prints no-cases 'no cases' "${b[@]}" cases vm-5
case=$(jq -r '[.cases[] | select(.verdict == "block")][0].case' cases.json)
warning=$(jq -r '[.cases[] | select(.verdict != "block")][0].case' cases.json)
prints same-again 'with the policy of then' "${b[@]}" explain "$case" --replay
prints same-again-json '"same": true' "${b[@]}" explain "$case" --replay --json
prints nothing-changed 'No setting of the policy changed' "${b[@]}" explain "$case" --replay
printf 'run_dir = "%s/run"\nstate_dir = "%s/state"\nrecipients_per_5min = 400\nrecipients_per_hour = 1200\n' "$work" "$work" >other.conf
prints other-today 'with that of today .*another decision' "$bulkhead" --config other.conf explain "$case" --replay
prints other-setting 'recipients_per_5min .*20 -> 400' "$bulkhead" --config other.conf explain "$case" --replay
"${b[@]}" explain "$case" --observations >case.jsonl
if [ "$(jq -rs 'map(select(.kind == "recipient")) | length' case.jsonl)" -ge 40 ]; then ok observations; else fail observations "$(head -n 2 case.jsonl)"; fi
if grep -q '@' case.jsonl; then fail observations-private "$(grep '@' case.jsonl | head -n 1)"; else ok observations-private; fi
refused no-case-yet 1 'has no case' "${b[@]}" explain vm-5 --replay
if [ "$warning" != null ]; then
	prints warning-again '"same": true' "${b[@]}" explain "$warning" --replay --json
	prints warning-explained 'warning\|warned\|few connections' "${b[@]}" explain "$warning"
	prints warning-ended 'This case ended' "${b[@]}" explain "$warning"
else
	fail warning-case "no warning among the cases: $(head -c 300 cases.json)"
fi
prints timeline 'watch -> ' "${b[@]}" explain "$case"
prints timeline-ru 'наблюдение -> ' "${b[@]}" explain "$case" --lang ru
prints timeline-shadow 'nothing was enforced' "${b[@]}" explain "$case"
server=$(jq -r --arg c "$case" '.cases[] | select(.case == $c).server' cases.json)
"${b[@]}" release "$server" --reason 'looked at' >/dev/null
prints timeline-release 'released by uid 0 (root): looked at' "${b[@]}" explain "$case"
prints show-lists-cases "\"case\": \"$case\"" "${b[@]}" server show "$server" --json
# The history of a server that was released is told again with its release.
prints after-release '2 of them blocked' "${b[@]}" replay --history
"${b[@]}" mode enforce >/dev/null
"${b[@]}" block vm-9 --reason test --for 130s >/dev/null
prints short-remains 'Still blocked for 1[12][0-9] s' "${b[@]}" explain vm-9
prints person-timeline 'block, by uid 0 (root)' "${b[@]}" explain vm-9

finish
