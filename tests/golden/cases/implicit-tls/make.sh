# SPDX-License-Identifier: ISC
# Port 465.
# Counted: Nothing is readable, so nothing counts in the clear; the port says that it is mail, the turns that it was one message.
"$2/tests/gen/smtpgen" implicit-tls -o "$1" --seed 7 >/dev/null
