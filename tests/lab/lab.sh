# SPDX-License-Identifier: ISC
# The shared lab of all namespace tests and the demo: source this.  Needs root, iproute2 and nftables.
#
#        tenants                      hypervisor ($LAB-hv)                     internet ($LAB-ext)
#   +----------------+            +--------------------------+
#   | $LAB-shop eth0 |------vnet1-|                          |             +---------------------------+
#   +----------------+            |   bridged: br0           |-up0----eth0-| gateway 192.0.2.1          |
#   +----------------+            |   routed:  IP forwarding |             | MX k: 198.51.100.k         |
#   | $LAB-news eth0 |------vnet2-|                          |             |       2001:db8:ffff::k      |
#   +----------------+            +--------------------------+             +---------------------------+
#
# Tenant N (in the order of lab_tenant) has port vnetN, MAC 52:54:00:00:00:N, 192.0.2.(10+N), 2001:db8:0:N::2 of
# its /64.  Bridged: everybody is in 192.0.2.0/24 and 2001:db8::/48, the gateway is the internet's end of the uplink.
# Routed: each tenant has a host route to its port and the hypervisor forwards.
#
# Names begin with $LAB, so that several labs can live side by side; files are in $LAB_DIR; lab_end, run on exit,
# removes all of it.  Nothing here sleeps for luck: conditions are waited for with lab_wait and its deadline, which is
# that of a machine many times slower than ours; what must be quick is a matter of lab_within.

LAB=${LAB:-lab$$}
LAB_DIR=
LAB_KIND=
LAB_TENANTS=()          # names; index + 1 is the number
declare -A LAB_NUMBER=() # name -> number
declare -A LAB_PID=()    # label -> pid of what lab_start started

lab_say() { printf '%s\n' "$*" >&2; }

# lab_need: ends the script with 77 (skipped) where a lab cannot be made.
lab_need() {
	[ "$(id -u)" -eq 0 ] || { echo "skipped: network namespaces need root"; exit 77; }
	command -v ip >/dev/null && command -v nft >/dev/null || { echo "ip or nft is missing: run tests/packages.sh test"; exit 1; }
	if ! ip netns add "$LAB-probe" 2>/dev/null; then
		echo "skipped: cannot make a network namespace here"
		exit 77
	fi
	ip netns del "$LAB-probe"
}

# lab_in NAME COMMAND...: runs it in a namespace of the lab ("hv", "ext" or a tenant).
lab_in() {
	local name=$1
	shift
	ip netns exec "$LAB-$name" "$@"
}

# lab_wait SECONDS COMMAND...: until the command succeeds; 1 when the deadline has passed.
lab_wait() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# lab_stalled_us: how long so far some process waited for a processor (/proc/pressure, of the guest) and the machine
# itself was held (steal), in microseconds since the boot; nothing where the kernel does not tell.
lab_stalled_us() {
	local some steal
	some=$(sed -n 's/^some.*total=//p' /proc/pressure/cpu 2>/dev/null)
	[ -n "$some" ] || return 1
	steal=$(awk -v hz="$(getconf CLK_TCK)" -v n="$(nproc)" '/^cpu / { printf "%.0f", $9 * 1e6 / hz / n }' /proc/stat)
	echo $((some + steal))
}

# lab_within SECONDS COMMAND...: for what must be quick: the command succeeds, and what that took, less the time that
# this machine was busy with others (lab_stalled_us; four times as long where the kernel does not tell), is not longer.
lab_within() {
	local limit=$(($1 * 1000)) begin=${EPOCHREALTIME/./} from took busy=0
	shift
	from=$(lab_stalled_us) || limit=$((limit * 4))
	lab_wait 60 "$@" || { echo "  not within 60 s"; return 1; }
	took=$(((${EPOCHREALTIME/./} - begin) / 1000))
	[ -z "$from" ] || busy=$((($(lab_stalled_us) - from) / 1000))
	[ $took -lt 500 ] || echo "  after $took ms, $busy of them with a busy machine; load $(cut -d' ' -f1 /proc/loadavg)"
	[ $((took - busy)) -le $limit ]
}

# lab_wait_line SECONDS FILE REGEX [FROM]: until the file has the line, from line FROM on.
lab_has_line() { tail -n "+${3:-1}" "$1" 2>/dev/null | grep -qE -- "$2"; }
lab_wait_line() { lab_wait "$1" lab_has_line "$2" "$3" "${4:-1}"; }

# lab_wait_listen NAME PORT: until somebody listens in that namespace.
lab_listens() { lab_in "$1" ss -Hltn "sport = :$2" | grep -q .; }
lab_wait_listen() { lab_wait 60 lab_listens "$1" "$2" || { lab_say "nobody listens on port $2 in $1"; return 1; }; }

# lab_start NAME LABEL COMMAND...: in the background; output in $LAB_DIR/LABEL.log, pid in LAB_PID[LABEL].
lab_start() {
	local name=$1 label=$2
	shift 2
	: >"$LAB_DIR/$label.log" # now, not when the child gets its turn: who waits for a line must not find an old one
	ip netns exec "$LAB-$name" "$@" >>"$LAB_DIR/$label.log" 2>&1 </dev/null &
	LAB_PID[$label]=$!
}

# lab_stop LABEL [SIGNAL]: ends what lab_start started and waits for it.
lab_stop() {
	local pid=${LAB_PID[$1]:-}
	[ -n "$pid" ] || return 0
	kill -"${2:-TERM}" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	unset "LAB_PID[$1]"
	return 0
}

# lab_end: removes processes, namespaces and files of this lab, and of no other.
lab_end() {
	local label ns pids
	[ -n "$LAB_DIR" ] || return 0
	# The shell tells of each job that was killed; nobody wants to know.
	exec {lab_stderr}>&2 2>/dev/null
	for label in "${!LAB_PID[@]}"; do kill "${LAB_PID[$label]}" 2>/dev/null; done
	for ns in "${LAB_TENANTS[@]}" hv ext; do
		pids=$(ip netns pids "$LAB-$ns" 2>/dev/null)
		[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
		ip netns del "$LAB-$ns" 2>/dev/null
	done
	wait
	exec 2>&"$lab_stderr" {lab_stderr}>&-
	rm -rf "$LAB_DIR"
	LAB_DIR=
	LAB_TENANTS=()
	LAB_NUMBER=()
	LAB_PID=()
}

lab_make_namespace() {
	ip netns add "$LAB-$1" && ip -n "$LAB-$1" link set lo up &&
		lab_in "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
}

# lab_begin bridged|routed [MX addresses, 1..250; default 20]
lab_begin() {
	local mx=${2:-20} k
	LAB_KIND=$1
	LAB_DIR=$(mktemp -d) || return 1
	trap lab_end EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	chmod 755 "$LAB_DIR"
	lab_make_namespace hv && lab_make_namespace ext || return 1
	ip -n "$LAB-hv" link add up0 type veth peer name eth0 netns "$LAB-ext" || return 1
	ip -n "$LAB-hv" link set up0 up
	ip -n "$LAB-ext" link set eth0 up
	{
		for ((k = 1; k <= mx; k++)); do
			echo "addr add 198.51.100.$k/32 dev lo"
			echo "addr add 2001:db8:ffff::$(printf %x "$k")/128 dev lo nodad"
		done
	} | ip -n "$LAB-ext" -batch -
	case $LAB_KIND in
	bridged)
		ip -n "$LAB-hv" link add br0 type bridge forward_delay 0 mcast_snooping 0
		ip -n "$LAB-hv" link set br0 up
		ip -n "$LAB-hv" link set up0 master br0
		ip -n "$LAB-ext" addr add 192.0.2.1/24 dev eth0
		ip -n "$LAB-ext" addr add 2001:db8::1/48 dev eth0 nodad
		;;
	routed)
		lab_in hv sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
		ip -n "$LAB-hv" addr add 203.0.113.1/30 dev up0
		ip -n "$LAB-hv" addr add 2001:db8:fe::1/64 dev up0 nodad
		ip -n "$LAB-ext" addr add 203.0.113.2/30 dev eth0
		ip -n "$LAB-ext" addr add 2001:db8:fe::2/64 dev eth0 nodad
		ip -n "$LAB-ext" route add 192.0.2.0/24 via 203.0.113.1
		ip -n "$LAB-ext" route add 2001:db8::/48 via 2001:db8:fe::1
		ip -n "$LAB-hv" route add default via 203.0.113.2
		ip -n "$LAB-hv" route add default via 2001:db8:fe::2
		;;
	*)
		lab_say "lab_begin: bridged or routed, not \"$1\""
		return 1
		;;
	esac
}

# Addresses: lab_mx4 K, lab_mx6 K; lab_addr4 NAME, lab_addr6 NAME, lab_net6 NAME, lab_port NAME.
lab_mx4() { echo "198.51.100.$1"; }
lab_mx6() { printf '2001:db8:ffff::%x\n' "$1"; }
lab_addr4() { echo "192.0.2.$((10 + LAB_NUMBER[$1]))"; }
lab_addr6() { printf '2001:db8:0:%x::2\n' "${LAB_NUMBER[$1]}"; }
lab_net6() { printf '2001:db8:0:%x::/64\n' "${LAB_NUMBER[$1]}"; }
lab_mac() { printf '52:54:00:00:00:%02x\n' "${LAB_NUMBER[$1]}"; }
lab_port() { echo "vnet${LAB_NUMBER[$1]}"; }

# lab_plug NAME [PORT]: gives a tenant its link (a real hypervisor's "start of the guest").
lab_plug() {
	local name=$1 port=${2:-$(lab_port "$1")} hv=$LAB-hv ns=$LAB-$1 a4 a6
	a4=$(lab_addr4 "$name") a6=$(lab_addr6 "$name")
	ip -n "$hv" link add "$port" type veth peer name eth0 address "$(lab_mac "$name")" netns "$ns" || return 1
	ip -n "$ns" link set eth0 up
	case $LAB_KIND in
	bridged)
		ip -n "$hv" link set "$port" master br0 up
		ip -n "$ns" addr add "$a4/24" dev eth0
		ip -n "$ns" addr add "$a6/48" dev eth0 nodad
		ip -n "$ns" route add default via 192.0.2.1
		ip -n "$ns" route add default via 2001:db8::1
		;;
	routed)
		ip -n "$hv" link set "$port" up
		ip -n "$hv" addr add 169.254.1.1/32 dev "$port"
		ip -n "$hv" addr add fe80::1/64 dev "$port" nodad
		ip -n "$hv" route add "$a4/32" dev "$port"
		ip -n "$hv" route add "$(lab_net6 "$name")" via "fe80::5054:ff:fe00:$(printf %x "${LAB_NUMBER[$name]}")" dev "$port"
		ip -n "$ns" addr add "$a4/32" dev eth0
		ip -n "$ns" addr add "$a6/64" dev eth0 nodad
		ip -n "$ns" route add 169.254.1.1 dev eth0
		ip -n "$ns" route add default via 169.254.1.1 dev eth0
		ip -n "$ns" route add default via fe80::1 dev eth0
		;;
	esac
}

# lab_unplug PORT: the link dies, as when a guest ends.
lab_unplug() { ip -n "$LAB-hv" link del "$1"; }

# lab_tenant NAME: the next tenant with its link, and waits until it reaches the first MX over both protocols.
lab_tenant() {
	LAB_TENANTS+=("$1")
	LAB_NUMBER[$1]=${#LAB_TENANTS[@]}
	lab_make_namespace "$1" && lab_plug "$1" && lab_wait_reach "$1"
}

# A refused connection (port 9 is closed) is an answer; ping is not part of every machine.
lab_reaches() { lab_in "$1" timeout 5 bash -c "exec 3<>/dev/tcp/$2/9" 2>&1 | grep -q refused; }
lab_wait_reach() {
	lab_wait 60 lab_reaches "$1" "$(lab_mx4 1)" && lab_wait 60 lab_reaches "$1" "$(lab_mx6 1)" ||
		{ lab_say "tenant $1 does not reach the internet of the lab"; return 1; }
}

# lab_keep_awake: a task of the lowest class (idle) spins on every processor.  A measurement calls it where this machine
# is a guest itself: a processor that halts is given away by the hypervisor, and comes back milliseconds later as
# "steal".  Everything else interrupts such a task at once, so that it stands for a host whose guests are at work.
lab_keep_awake() {
	local cpu
	for cpu in $(seq 0 $(($(nproc) - 1))); do
		lab_start hv "awake$cpu" taskset -c "$cpu" chrt -i 0 sh -c 'while :; do :; done'
	done
}

# --- counting, for tests: check "what" COMMAND...; lab_summary is the last line and gives the exit code.
LAB_PASSED=0 LAB_FAILED=0
check() {
	local what=$1
	shift
	if "$@"; then
		LAB_PASSED=$((LAB_PASSED + 1))
		echo "ok   $what"
	else
		LAB_FAILED=$((LAB_FAILED + 1))
		echo "FAIL $what"
	fi
}
# whole_case NAME ARGUMENTS: case_NAME; one that breaks off in the middle has failed.
whole_case() {
	local name=$1
	shift
	"case_$name" "$@" || check "case $name ($*) goes to its end" false
}
lab_summary() {
	echo "$LAB_PASSED passed, $LAB_FAILED failed, 0 skipped"
	[ "$LAB_FAILED" -eq 0 ] && [ "$LAB_PASSED" -gt 0 ]
}
