# SPDX-License-Identifier: ISC
# One VLAN tag.
# Counted: The tag is stepped over: the session of `plain`.
"$2/tests/gen/smtpgen" vlan -o "$1" --seed 7 >/dev/null
