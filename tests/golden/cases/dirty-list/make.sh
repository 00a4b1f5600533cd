# SPDX-License-Identifier: ISC
# 500 messages, half of the recipients unknown.
"$2/tests/gen/smtpgen" dirty-list -o "$1" --seed 7 >/dev/null
