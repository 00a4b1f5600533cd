#!/bin/bash
# SPDX-License-Identifier: ISC
# What make install leaves: files, settings that are read, manual pages, completions that complete, figures that
# Prometheus' tools can read.  Usage: test_install.sh BUILD.
tree=$(realpath "$(dirname "$0")/../..")
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
dest=$work/dest

installed() { (cd "$tree" && make -s BUILD="$build" install DESTDIR="$dest"); }
if installed >log 2>&1; then ok install; else fail install "$(tail -n 3 log)"; fi
for f in usr/bin/bulkhead usr/sbin/bulkhead-sensor usr/sbin/bulkhead-guard usr/sbin/bulkhead-notice lib/systemd/system/bulkhead-guard.service \
    lib/systemd/system/bulkhead-sensor.service usr/lib/sysusers.d/bulkhead.conf usr/lib/tmpfiles.d/bulkhead.conf \
    etc/bulkhead/bulkhead.conf usr/share/man/man1/bulkhead.1 usr/share/man/man5/bulkhead.conf.5 \
    usr/share/man/man8/bulkhead-guard.8 usr/share/man/man8/bulkhead-sensor.8 \
    usr/share/man/man8/bulkhead-notice.8 lib/systemd/system/bulkhead-notice.service; do
	if [ -s "$dest/$f" ]; then ok "has-$f"; else fail "has-$f" missing; fi
done
# Each program has a page, and each page is clean.
for page in $(find "$dest/usr/share/man" -type f); do
	mandoc -Tlint -Wwarning "$page" >lint 2>&1
	if [ -s lint ]; then fail "page-$(basename "$page")" "$(head -n 2 lint)"; else ok "page-$(basename "$page")"; fi
done
for p in "$dest"/usr/bin/* "$dest"/usr/sbin/* "$dest"/usr/libexec/bulkhead/bulkhead-*; do
	if ls "$dest"/usr/share/man/man[18]/"$(basename "$p")".[18] >/dev/null 2>&1; then ok "page-of-$(basename "$p")"; else fail "page-of-$(basename "$p")" none; fi
done

# --- an installed guard finds its workers, and its notices their carrier ---
if [ "$(id -u)" -eq 0 ]; then
	chmod 755 "$work"
	mkdir run state
	printf 'run_dir = "%s/run"\nstate_dir = "%s/state"\n' "$work" "$work" >guard.conf
	unshare --net "$dest/usr/sbin/bulkhead-guard" --config guard.conf >guard.log 2>&1 &
	guard_pid=$!
	soon 60 "$bulkhead" --config guard.conf status
	prints installed-guard '^guard     observe' "$dest/usr/bin/bulkhead" --config guard.conf status
	kill "$guard_pid"
	wait "$guard_pid"
	printf Jefe >key
	prints installed-hmac '^5bdcc146bf60754e' sh -c "printf %s 'what do ya want for nothing?' | '$dest/usr/libexec/bulkhead/bulkhead-notify' --hmac-sha256 key"
	for hook in mail webhook ticket; do
		if [ -x "$dest/usr/libexec/bulkhead/hooks/$hook" ]; then ok "hook-$hook"; else fail "hook-$hook" missing; fi
	done
fi

# --- settings: good, observing, and kept by the next installation ---
conf=$dest/etc/bulkhead/bulkhead.conf
prints conf-good 'is good' "$bulkhead" config check "$conf"
prints conf-observes 'mode = "observe"' "$bulkhead" config show "$conf"
"$bulkhead" --config /dev/null config show | sed -n 's/^\([a-z_0-9]*\) =.*/\1/p' | sort >keys
sed -n 's/^#\([a-z_0-9]*\) = .*/\1/p' "$conf" | sort >sample
if cmp -s keys sample; then ok conf-names-every-key; else fail conf-names-every-key "$(diff keys sample | head -n 3)"; fi
sed 's/^#//' "$conf" | sed '/^ /d' >uncommented
prints conf-uncommented 'is good' "$bulkhead" config check uncommented
sed -n 's/^\.It Cm \([a-z_0-9]*\)$/\1/p' "$dest/usr/share/man/man5/bulkhead.conf.5" | sort >paged
if cmp -s keys paged; then ok page-names-every-key; else fail page-names-every-key "$(diff keys paged | head -n 3)"; fi
echo 'mode = "enforce"' >>"$conf"
installed >log 2>&1
prints conf-is-kept 'mode = "enforce"' "$bulkhead" config show "$conf"

# --- completion, as a shell would ask for it ---
completes() { # name wanted words...
	local name=$1 wanted=$2 got
	shift 2
	got=$(PATH="$build:$PATH" bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bulkhead
		echo "${COMPREPLY[@]}"' _ "$dest/usr/share/bash-completion/completions/bulkhead" "$@" 2>&1)
	if [[ " $got " == *" $wanted "* ]]; then ok "$name"; else fail "$name" "no \"$wanted\" in: $got"; fi
}
completes complete-first server bulkhead se
completes complete-second import bulkhead server im
completes complete-option --reason bulkhead block vm-7 --re
completes complete-value ru bulkhead explain vm-7 --lang r
completes complete-word enforce bulkhead mode en
completes complete-after-global list bulkhead --config x whitelist li
touch a.pcap
completes complete-file a.pcap bulkhead replay a.p
# Every command of the help can be completed.
"$bulkhead" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\).*/\1/p' | sort -u >first
while read -r word; do completes "complete-$word" "$word" bulkhead "${word%?}"; done <first
if zsh -n "$dest/usr/share/zsh/vendor-completions/_bulkhead" 2>log; then ok zsh-parses; else fail zsh-parses "$(cat log)"; fi

# --- what monitoring reads ---
m=$dest/usr/share/doc/bulkhead-hypervisor/monitoring
if jq -e '.panels | length > 5' "$m/grafana.json" >/dev/null; then ok dashboard; else fail dashboard 'is no JSON'; fi
# Every figure that is drawn or alerted on is one that bulkhead metrics prints.
grep -ohE 'bulkhead_[a-z_]+' "$m"/* | sort -u >used
sed -n 's/.*{"\(bulkhead_[a-z_]*\)", \(true\|false\),.*/\1 \2/p; s/.*put_\(head\|switch\)(f, "\(bulkhead_[a-z_]*\)".*/\2 false/p;
	s/.*fprintf(f, "\(bulkhead_[a-z_]*\){.*/\1 false/p' "$tree/cli/cmd_metrics.c" |
	awk '{print $1 ($2 == "true" ? "_total" : "")}' | sort -u >printed
sed -n 'N;s/.*{"\(bulkhead_[a-z_]*\)",\s*\(true\|false\).*/\1 \2/p' "$tree/cli/cmd_metrics.c" | awk '{print $1 ($2 == "true" ? "_total" : "")}' >>printed
sort -u -o printed printed
if [ -z "$(comm -23 used printed)" ]; then ok figures-exist; else fail figures-exist "$(comm -23 used printed | paste -sd' ')"; fi

# --- units ---
if command -v systemd-analyze >/dev/null; then
	for u in "$dest"/lib/systemd/system/*; do
		systemd-analyze verify --man=no --root="$dest" "$(basename "$u")" >log 2>&1
		# Units of others are not in this root.
		grep -vE 'Command /bin/kill is not|sysinit.target|basic.target|timers.target|multi-user.target|not found|Failed to (prepare|open) |^$' log >left
		if [ -s left ]; then fail "verify-$(basename "$u")" "$(head -n 3 left)"; else ok "verify-$(basename "$u")"; fi
	done
	if systemd-sysusers --root="$dest" --dry-run "$dest/usr/lib/sysusers.d/bulkhead.conf" >log 2>&1; then ok sysusers; else fail sysusers "$(tail -n 2 log)"; fi
fi
finish
