# SPDX-License-Identifier: ISC
# The server does not want us.
"$2/tests/gen/smtpgen" greeting-554 -o "$1" --seed 7 >/dev/null
