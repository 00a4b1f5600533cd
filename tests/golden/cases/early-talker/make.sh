# SPDX-License-Identifier: ISC
# EHLO before the greeting.
# Counted: A dialogue that is whole, only early: each reply still belongs to its command.
"$2/tests/gen/smtpgen" early-talker -o "$1" --seed 7 >/dev/null
