# SPDX-License-Identifier: ISC
# Two VLAN tags.
# Counted: Tags are stepped over: the session of `plain`.
"$2/tests/gen/smtpgen" qinq -o "$1" --seed 7 >/dev/null
