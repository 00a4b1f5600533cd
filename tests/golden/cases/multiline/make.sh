# SPDX-License-Identifier: ISC
# Greeting of three lines, EHLO reply of many.
"$2/tests/gen/smtpgen" multiline -o "$1" --seed 7 >/dev/null
