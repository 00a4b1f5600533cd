# SPDX-License-Identifier: ISC
# Five connections, RST to SYN.
"$2/tests/gen/smtpgen" refused -o "$1" --seed 7 >/dev/null
