# SPDX-License-Identifier: ISC
# AUTH PLAIN on port 587.
"$2/tests/gen/smtpgen" auth -o "$1" --seed 7 >/dev/null
