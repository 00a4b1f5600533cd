# shellcheck shell=bash
# SPDX-License-Identifier: ISC
# Checks of the program bulkhead from outside.  Sourced by tests/cli/test_*.sh with the build folder in $1; each
# check prints one line "ok name" or "FAIL name: why", finish() the count.
set -u
build=$(realpath "${1:?usage: $0 BUILD}")
# shellcheck disable=SC2034 # used by those who source this
bulkhead=$build/bulkhead
work=$(mktemp -d /tmp/bulkhead-cli-XXXXXX)
cd "$work" || exit 1
passed=0 failed=0
guard_pid=

cleanup() {
	if [ -n "$guard_pid" ]; then
		kill "$guard_pid"
		wait "$guard_pid"
	fi
	rm -rf "$work"
}
trap cleanup EXIT

needs_root() {
	[ "$(id -u)" -eq 0 ] && return
	echo "skipped: needs root for a network namespace"
	exit 77
}

# start_guard [COMMAND...]: a guard with the folders run and state in $work, behind the command (unshare --net: the
# guard itself must be what it executes, so that it is what is ended), answering on return.  Lines that wait in
# bulkhead.conf are settings.  "${b[@]}" is the CLI that talks to it.
start_guard() {
	chmod 755 "$work"
	mkdir run state
	printf 'run_dir = "%s/run"\nstate_dir = "%s/state"\n' "$work" "$work" >>bulkhead.conf
	"$@" "$build/bulkhead-guard" --config bulkhead.conf >guard.log 2>&1 &
	guard_pid=$!
	b=("$bulkhead" --config "$work/bulkhead.conf")
	soon 60 "${b[@]}" status && return
	echo "the guard does not answer: $(tail -n 3 guard.log)"
	exit 1
}

# soon SECONDS COMMAND...: until it succeeds; 1 when the time is over.
soon() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.05
	done
}

ok() {
	echo "ok $1"
	passed=$((passed + 1))
}

fail() {
	echo "FAIL $1: $2"
	failed=$((failed + 1))
}

# refused NAME WANTED-EXIT PATTERN COMMAND...: one sentence on standard error, nothing on standard output.
refused() {
	local name=$1 wanted=$2 pattern=$3 got
	shift 3
	"$@" >out 2>err </dev/null
	got=$?
	if [ "$got" -ne "$wanted" ]; then
		fail "$name" "exit $got, not $wanted: $(head -c 300 err)"
	elif [ -s out ]; then
		fail "$name" "printed on standard output: $(head -c 300 out)"
	elif [ "$(wc -l <err)" -ne 1 ]; then
		fail "$name" "not one sentence: $(head -c 300 err)"
	elif ! grep -q -- "$pattern" err; then
		fail "$name" "no \"$pattern\" in: $(head -c 300 err)"
	else
		ok "$name"
	fi
}

# prints NAME PATTERN COMMAND...: exit 0, the pattern on standard output, nothing on standard error.
prints() {
	local name=$1 pattern=$2 got
	shift 2
	"$@" >out 2>err </dev/null
	got=$?
	if [ "$got" -ne 0 ]; then
		fail "$name" "exit $got: $(head -c 300 err)"
	elif [ -s err ]; then
		fail "$name" "printed on standard error: $(head -c 300 err)"
	elif ! grep -q -- "$pattern" out; then
		fail "$name" "no \"$pattern\" in: $(head -c 300 out)"
	else
		ok "$name"
	fi
}

finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}
