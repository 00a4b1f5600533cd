# SPDX-License-Identifier: ISC
# The same inside STARTTLS.
# Counted: 2,000 sessions, in the clear nothing; each has the turns of one message inside.
"$2/tests/gen/smtpgen" tls-newsletter -o "$1" --seed 7 >/dev/null
