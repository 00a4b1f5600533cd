# SPDX-License-Identifier: ISC
# Three chunks, the command in a packet of its own.
"$2/tests/gen/smtpgen" bdat-split -o "$1" --seed 7 >/dev/null
