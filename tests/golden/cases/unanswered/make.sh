# SPDX-License-Identifier: ISC
# Five connections, four SYNs each without an answer.
"$2/tests/gen/smtpgen" unanswered -o "$1" --seed 7 >/dev/null
