# SPDX-License-Identifier: ISC
# 500 messages, half of the recipients unknown.
# Counted: 500 sessions; in each the first RCPT has 550, the second 250, and the message is taken for the second.
"$2/tests/gen/smtpgen" dirty-list -o "$1" --seed 7 >/dev/null
