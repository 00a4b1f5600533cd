# SPDX-License-Identifier: ISC
# Retransmissions that overlap their successors.
"$2/tests/gen/smtpgen" overlap -o "$1" --seed 7 >/dev/null
