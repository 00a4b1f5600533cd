# SPDX-License-Identifier: ISC
# RSET between the messages.
# Counted: The 250 to RSET is no message: three messages, one recipient each.
"$2/tests/gen/smtpgen" rset -o "$1" --seed 7 >/dev/null
