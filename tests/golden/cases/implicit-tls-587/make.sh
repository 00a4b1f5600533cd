# SPDX-License-Identifier: ISC
# TLS from the first byte on port 587, three messages: only the dialogue inside shows that it is mail.
# Counted: Nothing is readable, so nothing counts in the clear.
"$2/tests/gen/smtpgen" implicit-tls-587 -o "$1" --seed 7 >/dev/null
