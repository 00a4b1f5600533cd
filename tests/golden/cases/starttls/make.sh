# SPDX-License-Identifier: ISC
# STARTTLS, two messages inside.
# Counted: Nothing behind the 220 to STARTTLS is readable, so nothing counts in the clear; the turns inside tell two messages.
"$2/tests/gen/smtpgen" starttls -o "$1" --seed 7 >/dev/null
