# SPDX-License-Identifier: ISC
# 454 to STARTTLS, goes on in the clear.
"$2/tests/gen/smtpgen" starttls-refused -o "$1" --seed 7 >/dev/null
