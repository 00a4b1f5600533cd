# SPDX-License-Identifier: ISC
# IPv6 with hop-by-hop, routing, destination and fragment headers.
"$2/tests/gen/smtpgen" ipv6-exthdr -o "$1" --seed 7 >/dev/null
