# SPDX-License-Identifier: ISC
# Every fifth packet overtaken.
"$2/tests/gen/smtpgen" reorder -o "$1" --seed 7 >/dev/null
