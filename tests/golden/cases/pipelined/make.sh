# SPDX-License-Identifier: ISC
# Commands in one packet (RFC 2920).
# Counted: Seven replies in one packet answer seven commands in order: five are about recipients.
"$2/tests/gen/smtpgen" pipelined -o "$1" --seed 7 >/dev/null
