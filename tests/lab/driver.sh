# SPDX-License-Identifier: ISC
# The enforcer alone, driven by lines: source this after lab.sh; needs $build.
driver=$build/tests/lab/enforce_driver
news='' child='' answer=''

# start_enforcer ARGUMENTS: in the hypervisor; child = pid of the enforcer.
start_enforcer() {
	mkfifo "$LAB_DIR/driver.in" 2>/dev/null
	news=$LAB_DIR/driver.out
	: >"$news"
	ip netns exec "$LAB-hv" ${driver_as:-} "$driver" "$@" <"$LAB_DIR/driver.in" >"$news" 2>"$LAB_DIR/driver.err" &
	LAB_PID[driver]=$!
	exec 9>"$LAB_DIR/driver.in"
	lab_wait_line 60 "$news" '^(ready|failed)' || { cat "$LAB_DIR/driver.err" "$news"; return 1; }
	child=$(sed -n 's/^ready //p' "$news")
	[ -n "$child" ] || { cat "$news"; return 1; }
}
stop_enforcer() {
	exec 9>&-
	wait "${LAB_PID[driver]}" 2>/dev/null
	unset 'LAB_PID[driver]'
}
# tell LINE: sends it, waits for its answer; the answer's lines are in $answer; 0 when it was "ok".
tell() {
	local from=$(($(wc -l <"$news") + 1))
	echo "$*" >&9
	lab_wait_line 60 "$news" '^(ok|failed)' "$from" || { echo "the driver does not answer to: $*"; return 1; }
	answer=$(tail -n "+$from" "$news" | grep -v '^news')
	grep -q '^ok' <<<"$answer"
}
refuses() { ! tell "$@"; }
told() { lab_wait_line 60 "$news" "^news $1"; }
nft_hv() { ip netns exec "$LAB-hv" nft "$@"; }
is() { [ "$1" = "$2" ] || { echo "  got \"$1\", wanted \"$2\""; return 1; }; }
