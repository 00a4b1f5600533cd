# SPDX-License-Identifier: ISC
# 60 order mails over 6 hours, one recipient each.
# Counted: 60 sessions with one message and one recipient each.
"$2/tests/gen/smtpgen" shop -o "$1" --seed 7 >/dev/null
