# SPDX-License-Identifier: ISC
# Part of a body and the last reply lost in capture.
# Counted: The 354 and the 250 to the message are there, so the lost 2,000 bytes of text between them cost nothing; the lost 221 says nothing.
"$2/tests/gen/smtpgen" gap -o "$1" --seed 7 >/dev/null
