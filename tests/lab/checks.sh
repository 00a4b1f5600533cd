# shellcheck shell=bash
# SPDX-License-Identifier: ISC
# What scripts share that count checks without a lab (lab.sh has its own).  Sourced with the folder $work made; a script
# may define why(): a hint beside a check that failed.
passed=0 failed=0
why() { :; }

is() { # name command...: exit 0
	local name=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		echo "ok $name"
		passed=$((passed + 1))
	else
		echo "FAIL $name: $(tail -n 3 "$work/out" | cut -c1-300) $(why)"
		failed=$((failed + 1))
	fi
}

soon() { # seconds command...: until it succeeds; at the end of the time once more, to be heard
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || { "$@"; return; }
		sleep 0.05
	done
}
