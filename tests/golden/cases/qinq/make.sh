# SPDX-License-Identifier: ISC
# Two VLAN tags.
"$2/tests/gen/smtpgen" qinq -o "$1" --seed 7 >/dev/null
