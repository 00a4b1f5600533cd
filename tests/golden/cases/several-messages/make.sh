# SPDX-License-Identifier: ISC
# Three messages in one session.
# Counted: Each of the three has a 354, a 250, and two recipients.
"$2/tests/gen/smtpgen" several-messages -o "$1" --seed 7 >/dev/null
