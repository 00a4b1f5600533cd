# SPDX-License-Identifier: ISC
# IPv6 with hop-by-hop, routing, destination and fragment headers.
# Counted: Headers are stepped over: the session of `plain`. Each header alone is in ipv6-headers.
"$2/tests/gen/smtpgen" ipv6-exthdr -o "$1" --seed 7 >/dev/null
