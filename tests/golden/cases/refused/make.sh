# SPDX-License-Identifier: ISC
# Five connections, RST to SYN.
# Counted: Five attempts failed, and there is no session where nobody answered.
"$2/tests/gen/smtpgen" refused -o "$1" --seed 7 >/dev/null
