# SPDX-License-Identifier: ISC
# IPv4 with options.
# Counted: Options are stepped over by the header's length: the session of `plain`.
"$2/tests/gen/smtpgen" ipv4-options -o "$1" --seed 7 >/dev/null
