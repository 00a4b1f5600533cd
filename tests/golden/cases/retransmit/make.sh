# SPDX-License-Identifier: ISC
# Every fifth packet twice.
# Counted: Each byte counts once: four messages were sent, to one recipient each.
"$2/tests/gen/smtpgen" retransmit -o "$1" --seed 7 >/dev/null
