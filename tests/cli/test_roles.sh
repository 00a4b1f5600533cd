#!/bin/bash
# SPDX-License-Identifier: ISC
# Who may what on the control socket: real users of real groups, in a mount namespace with users of its own.
# Usage: test_roles.sh BUILD.  Needs root.
# shellcheck source=tests/cli/lib.sh
if [ "$(id -u)" -ne 0 ]; then
	echo "skipped: needs root for users and namespaces"
	exit 77
fi
if [ "${ROLES_INSIDE:-}" != yes ]; then
	ROLES_INSIDE=yes exec unshare --net --mount --propagation private bash "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"

cp /etc/passwd passwd
cp /etc/group group
n=64200
for role in view support abuse admin nobodys; do
	n=$((n + 1))
	echo "t$role:x:$n:$n::/nonexistent:/usr/sbin/nologin" >>passwd
	echo "t$role:x:$n:" >>group
done
mount --bind passwd /etc/passwd
mount --bind group /etc/group
cat >bulkhead.conf <<'CONF'
group_view = "tview"
group_support = "tsupport"
group_abuse = "tabuse"
group_admin = "tadmin"
CONF
start_guard
printf 'server,virtualization,interfaces\nvm-1,kvm,vnet1\n' >servers.csv
chmod 644 servers.csv bulkhead.conf
prints import '^1 added' "${b[@]}" server import servers.csv

# What each role needs, in the order of the roles: view, support, abuse, admin.
as() { # user command...
	local user=$1
	shift
	setpriv --reuid="t$user" --regid="t$user" --clear-groups "$bulkhead" --config "$work/bulkhead.conf" "$@"
}
steps=(view support abuse admin)
declare -A command=(
	[view]='status'
	[support]='whitelist apply vm-1 --domain example.com --contact a@example.com'
	[abuse]='block vm-1 --reason role --for 1h'
	[admin]='mode enforce'
)
for have in 0 1 2 3; do
	for want in 0 1 2 3; do
		user=${steps[$have]} needs=${steps[$want]}
		read -ra words <<<"${command[$needs]}"
		if [ "$have" -ge "$want" ]; then
			prints "$user-may-$needs" . as "$user" "${words[@]}"
		else
			refused "$user-may-not-$needs" 1 "needs the role \"$needs\" and you have \"$user\"" as "$user" "${words[@]}"
		fi
	done
done
refused no-role 1 'you have no role here' as nobodys status
# By a second group, too.
if setpriv --reuid=tnobodys --regid=tnobodys --groups="$(awk -F: '$1 == "tview" {print $3}' group)" \
	"$bulkhead" --config "$work/bulkhead.conf" status >out 2>&1; then ok second-group; else fail second-group "$(head -n 1 out)"; fi

# Each refusal is an entry with the name of who tried, and the role he had.
"${b[@]}" --json ledger show >ledger.json
for user in view support abuse nobodys; do
	if jq -e --arg u "(t$user)" 'any(.entries[]; .action == "refused" and (.actor | endswith($u)))' ledger.json >/dev/null; then
		ok "ledger-names-t$user"
	else
		fail "ledger-names-t$user" "$(jq -c '[.entries[] | select(.action == "refused") | .actor]' ledger.json)"
	fi
done
if [ "$(jq '[.entries[] | select(.action == "refused")] | length' ledger.json)" -le 10 ]; then ok ledger-is-not-flooded; else fail ledger-is-not-flooded; fi
# A decision bears the name of who made it.
if jq -e 'any(.entries[]; .action == "block" and (.actor | endswith("(tabuse)")))' ledger.json >/dev/null; then ok ledger-names-the-decider; else fail ledger-names-the-decider; fi

# --- limits per uid: one user's idle connections leave room for the others ---
cat >hold.py <<'PY'
import os, socket, sys, time
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
held = []
for _ in range(40):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    held.append(s)
print("held", flush=True)
time.sleep(600)
PY
python3 hold.py "$work/run/ctl.sock" "$(awk -F: '$1 == "tview" {print $3}' group)" >held 2>&1 &
holder=$!
soon 60 grep -qs held held
refused full-for-its-user 1 'hung up' as view status
prints others-still-served mode as abuse --json
prints root-still-served mode "${b[@]}" --json
kill "$holder"; wait "$holder" 2>/dev/null
soon 60 as view status
prints free-again guard as view status
prints ledger-whole intact as view ledger verify
finish
