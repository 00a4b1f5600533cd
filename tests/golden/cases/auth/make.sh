# SPDX-License-Identifier: ISC
# AUTH PLAIN on port 587.
# Counted: One session, one message, one recipient, as behind any greeting; the line with the password counts as nothing.
"$2/tests/gen/smtpgen" auth -o "$1" --seed 7 >/dev/null
