# SPDX-License-Identifier: ISC
# Commands in one packet (RFC 2920).
"$2/tests/gen/smtpgen" pipelined -o "$1" --seed 7 >/dev/null
