# SPDX-License-Identifier: ISC
# 454 to STARTTLS, goes on in the clear.
# Counted: The 454 answers STARTTLS and nothing else; the message is readable and counts in the clear.
"$2/tests/gen/smtpgen" starttls-refused -o "$1" --seed 7 >/dev/null
