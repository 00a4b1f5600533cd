# SPDX-License-Identifier: ISC
# The server is busy.
"$2/tests/gen/smtpgen" greeting-421 -o "$1" --seed 7 >/dev/null
