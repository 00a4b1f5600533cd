# SPDX-License-Identifier: ISC
# EHLO before the greeting.
"$2/tests/gen/smtpgen" early-talker -o "$1" --seed 7 >/dev/null
