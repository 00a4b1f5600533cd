# SPDX-License-Identifier: ISC
# Retransmissions that overlap their successors.
# Counted: Each byte counts once: four messages were sent, to one recipient each.
"$2/tests/gen/smtpgen" overlap -o "$1" --seed 7 >/dev/null
