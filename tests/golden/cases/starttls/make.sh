# SPDX-License-Identifier: ISC
# STARTTLS, two messages inside.
"$2/tests/gen/smtpgen" starttls -o "$1" --seed 7 >/dev/null
