# SPDX-License-Identifier: ISC
# Inside TLS: MAIL, three RCPT, BDAT and the body in one turn, four times.
# Counted: In the clear nothing: no reply about a message or recipient was readable. Inside there are four turns, each a message.
"$2/tests/gen/smtpgen" bdat-starttls -o "$1" --seed 7 >/dev/null
