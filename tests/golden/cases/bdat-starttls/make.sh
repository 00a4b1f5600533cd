# SPDX-License-Identifier: ISC
# Inside TLS: MAIL, three RCPT, BDAT and the body in one turn, four times.
"$2/tests/gen/smtpgen" bdat-starttls -o "$1" --seed 7 >/dev/null
