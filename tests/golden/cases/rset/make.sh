# SPDX-License-Identifier: ISC
# RSET between the messages.
"$2/tests/gen/smtpgen" rset -o "$1" --seed 7 >/dev/null
