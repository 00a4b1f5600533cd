# SPDX-License-Identifier: ISC
# IPv4 with options.
"$2/tests/gen/smtpgen" ipv4-options -o "$1" --seed 7 >/dev/null
