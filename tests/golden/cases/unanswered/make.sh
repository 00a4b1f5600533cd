# SPDX-License-Identifier: ISC
# Five connections, four SYNs each without an answer.
# Counted: A SYN that comes again is the same attempt: five attempts failed, not twenty.
"$2/tests/gen/smtpgen" unanswered -o "$1" --seed 7 >/dev/null
