# SPDX-License-Identifier: ISC
# The capture begins in the first message.
# The first RCPT and its reply were before the capture; the 250 to its body was not.
"$2/tests/gen/smtpgen" midstream -o "$1" --seed 7 >/dev/null
