# SPDX-License-Identifier: ISC
# Part of a body and the last reply lost in capture.
"$2/tests/gen/smtpgen" gap -o "$1" --seed 7 >/dev/null
