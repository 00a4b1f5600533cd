# SPDX-License-Identifier: ISC
# Every fifth packet overtaken.
# Counted: TCP delivers in order: four messages were sent, to one recipient each.
"$2/tests/gen/smtpgen" reorder -o "$1" --seed 7 >/dev/null
