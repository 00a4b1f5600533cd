# SPDX-License-Identifier: ISC
# One VLAN tag.
"$2/tests/gen/smtpgen" vlan -o "$1" --seed 7 >/dev/null
