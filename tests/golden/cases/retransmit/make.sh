# SPDX-License-Identifier: ISC
# Every fifth packet twice.
"$2/tests/gen/smtpgen" retransmit -o "$1" --seed 7 >/dev/null
