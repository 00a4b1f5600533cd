# SPDX-License-Identifier: ISC
# One server, 2000 distinct recipients, same text, 20 messages/s.
# Counted: 2,000 sessions, each with one RCPT and one body that have 250.
"$2/tests/gen/smtpgen" newsletter -o "$1" --seed 7 >/dev/null
