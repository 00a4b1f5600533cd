# SPDX-License-Identifier: ISC
# Accepted, unknown, deferred, full.
# Counted: 250 is accepted, 550 and 552 are rejected, 450 is deferred; the message is taken for the one.
"$2/tests/gen/smtpgen" rcpt-mixed -o "$1" --seed 7 >/dev/null
