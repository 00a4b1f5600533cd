# SPDX-License-Identifier: ISC
# Greeting of three lines, EHLO reply of many.
# Counted: Only the last line of a reply answers: had each of the greeting's three counted, all behind it would be off by two.
"$2/tests/gen/smtpgen" multiline -o "$1" --seed 7 >/dev/null
