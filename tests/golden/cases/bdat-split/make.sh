# SPDX-License-Identifier: ISC
# Three chunks, the command in a packet of its own.
# Counted: A chunk without LAST has a 250 of its own that is no message: two messages, not six.
"$2/tests/gen/smtpgen" bdat-split -o "$1" --seed 7 >/dev/null
