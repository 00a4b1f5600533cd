#!/bin/bash
# SPDX-License-Identifier: ISC
# bulkhead without a guard: the command line, exit codes, sentences, configuration, replay of bad files.
# Usage: test_alone.sh BUILD.  Needs no privileges.
tree=$(realpath "$(dirname "$0")/../..")
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

none="--socket $work/none.sock"

# --- the command line ---
prints version '^bulkhead [0-9]' "$bulkhead" --version
prints help 'whitelist apply' "$bulkhead" --help
prints help-family 'server import' "$bulkhead" server --help
for command in status 'server list' 'server show' 'server import' 'server set' 'server remove' explain block pin \
    release mode 'whitelist apply' 'whitelist list' 'whitelist show' 'whitelist attach' 'whitelist approve' \
    'whitelist reject' 'whitelist ask' 'whitelist revoke' 'whitelist renew' replay 'config check' 'config show' \
    'ledger verify' 'ledger show' 'ledger head'; do
	# shellcheck disable=SC2086 # two words are two arguments
	prints "help of $command" '^Examples:' "$bulkhead" $command --help
	grep -q "bulkhead $command" out || fail "help of $command" 'no example of it'
done
refused unknown-command 2 'did you mean "status"' "$bulkhead" stats
refused unknown-option 2 'no option --frob' "$bulkhead" status --frob
refused missing-reason 2 'needs --reason' "$bulkhead" block vm-7
refused missing-operand 2 'needs S' "$bulkhead" server show
refused bad-span 2 'duration like' "$bulkhead" block vm-7 --reason x --for 2
refused bad-mode 2 'observe, enforce or inherit' "$bulkhead" mode loud
refused release-nobody 2 'one server, or --all' "$bulkhead" release --reason x
refused override-without-reason 2 'needs --reason' "$bulkhead" whitelist approve 3 --override
refused bad-shell 2 'bash and zsh' "$bulkhead" completion fish
refused top-needs-a-terminal 1 'needs a terminal' "$bulkhead" top

# --- the manual pages know every option, and every command ---
named() { # page option
	grep -qE -- "Fl (Fl )?$2( |$)" "$1"
}
"$bulkhead" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)\( [a-z]*\)\{0,1\} .*/\1\2/p' >commands
while read -r command; do
	grep -qE "^\.It Cm $command( |$)" "$tree/cli/bulkhead.1" || fail "manual of $command" 'the page does not name it'
	# shellcheck disable=SC2086 # one or two words
	for option in $("$bulkhead" $command --help | sed -n '/^Options/,/^Everywhere/s/^  --\([a-z-]*\).*/\1/p'); do
		named "$tree/cli/bulkhead.1" "$option" || fail "manual of $command" "the page does not name --$option"
	done
done <commands
ok "manual of $(wc -l <commands) commands"
for program in guard sensor notify notice libvirt; do
	for option in $("$build/bulkhead-$program" --help | sed -n 's/^  --\([a-z0-9-]*\).*/\1/p'); do
		named "$(echo "$tree"/*/bulkhead-$program.8)" "$option" || fail "manual of bulkhead-$program" "the page does not name --$option"
	done
	ok "manual of bulkhead-$program"
done

# --- no guard ---
prints doctor-without-a-guard 'systemctl status bulkhead-guard' "$bulkhead" --socket absent.sock doctor
for command in '' status 'server list' 'explain vm-7' 'ledger head' 'whitelist list' events 'events --follow' metrics; do
	# shellcheck disable=SC2086
	refused "no guard: $command" 1 "no guard answers on $work/none.sock: start bulkhead-guard, or give --socket" \
	    "$bulkhead" $command $none
	# shellcheck disable=SC2086
	refused "no guard, json: $command" 1 'no guard answers' "$bulkhead" --json $command $none
done

# --- something else answers ---
answers() { # text: what a guard says to one request; "" hangs up
	rm -f other.sock
	python3 -c 'import os, socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.bind("other.new")
s.listen(1)
os.rename("other.new", "other.sock") # who sees it can connect
s.settimeout(60)
c, _ = s.accept()
size = struct.unpack("!I", c.recv(4, socket.MSG_WAITALL))[0]
c.recv(size, socket.MSG_WAITALL)
if sys.argv[1]:
    c.sendall(struct.pack("!I", len(sys.argv[1])) + sys.argv[1].encode())' "$1" &
	soon 60 test -S other.sock
}
answers '{"version":99,"ok":true,"data":{"head":"x","entries":1}}'
refused other-version 1 'does not speak version 1' "$bulkhead" --socket other.sock ledger head
answers 'no JSON'
refused other-language 1 'does not speak version 1' "$bulkhead" --socket other.sock ledger head
answers ''
refused hung-up 1 'hung up instead of answering' "$bulkhead" --socket other.sock ledger head
answers '{"version":1,"ok":false,"error":{"code":"EPERM","text":"not you"}}'
refused refused-in-words 1 '"code":"EPERM","text":"not you"' "$bulkhead" --json --socket other.sock ledger head
answers '{"version":1,"ok":false}'
refused refused-without-words 1 'refused without saying why' "$bulkhead" --socket other.sock ledger head
wait

# --- files that are not there, or not what they should be ---
# shellcheck disable=SC2086
refused import-missing 1 'cannot read absent.csv' "$bulkhead" server import absent.csv $none
: >empty.csv
# shellcheck disable=SC2086
refused import-empty 1 'empty.csv is empty' "$bulkhead" server import empty.csv $none
# The evidence is looked at before the guard is asked: this is about the file, not about the socket.
# shellcheck disable=SC2086
refused evidence-missing 1 'absent.png (consent-form)' "$bulkhead" whitelist apply vm-7 --consent absent.png \
    --domain a.example --contact a@a.example $none
# shellcheck disable=SC2086
refused evidence-folder 1 'not a regular file' "$bulkhead" whitelist apply vm-7 --consent "$work" \
    --domain a.example --contact a@a.example $none
# shellcheck disable=SC2086
refused rules-alone 2 'give its picture with --consent' "$bulkhead" whitelist apply vm-7 --rules empty.csv \
    --domain a.example --contact a@a.example $none

# --- configuration ---
printf 'mode = "enforce"\nblock_first = "2h"\n' >good.conf
prints config-check 'good.conf is good' "$bulkhead" config check good.conf
prints config-show '^block_first = ' "$bulkhead" config show good.conf
"$bulkhead" config show good.conf >again.conf
prints config-show-reads-back 'again.conf is good' "$bulkhead" config check again.conf
printf 'mode = "enforce"\nsecret_knob = 3\n' >bad.conf
refused config-unknown-key 1 'bad.conf:2' "$bulkhead" config check bad.conf
refused config-missing 1 'absent.conf' "$bulkhead" config check absent.conf

# --- replay ---
refused replay-missing 1 'absent.pcap' "$bulkhead" replay absent.pcap
refused replay-no-capture 1 'good.conf' "$bulkhead" replay good.conf --json
refused replay-empty 1 'empty.csv' "$bulkhead" replay empty.csv --json
refused replay-flows 2 'between 64' "$bulkhead" replay empty.csv --flows 3
# An empty capture is a capture: header only, no packets.
printf '\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x01\x00\x00\x00' >none.pcap
prints replay-nothing '"servers": \[\]' "$bulkhead" replay --json none.pcap
prints replay-nothing-text 'No server sent mail' "$bulkhead" replay none.pcap
refused compare-with-nothing 2 'needs --policy' "$bulkhead" replay --compare none.pcap
prints compare-same 'Both policies are the same' "$bulkhead" --config good.conf replay --compare --policy good.conf none.pcap
printf 'recipients_per_5min = 40\n' >loose.conf
prints compare-settings 'recipients_per_5min .*20 -> 40' "$bulkhead" --config good.conf replay --compare --policy loose.conf none.pcap
prints compare-json '"grants_touched": 0' "$bulkhead" --config good.conf replay --json --compare --policy loose.conf none.pcap
refused compare-bad-candidate 1 'bad.conf:2' "$bulkhead" replay --compare --policy bad.conf none.pcap
prints progress-quiet-on-short-runs '"servers"' "$bulkhead" replay --json --progress none.pcap
# With --json the sentence of a failure is an object on one line of standard error.
refused error-json 1 '^{"error":{"code":"ENOENT","text":".*absent.pcap' "$bulkhead" --json replay absent.pcap
refused error-json-usage 2 '^{"error":{"code":"EINVAL","text":".*no option --frob' "$bulkhead" --json status --frob
head -c 20 none.pcap >cut.pcap
refused replay-cut 1 'cut.pcap' "$bulkhead" replay --json cut.pcap
printf 'server,addresses\nvm-1,192.0.2.1\nvm-2,banana\n' >bad.csv
refused replay-bad-inventory 1 'bad.csv:3' "$bulkhead" replay --inventory bad.csv none.pcap
refused full-disk 1 'could not be written' bash -c "'$bulkhead' --help >/dev/null; '$bulkhead' replay none.pcap >/dev/full"

finish
