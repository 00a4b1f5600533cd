# SPDX-License-Identifier: ISC
# Accepted, unknown, deferred, full.
"$2/tests/gen/smtpgen" rcpt-mixed -o "$1" --seed 7 >/dev/null
