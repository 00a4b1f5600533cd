# SPDX-License-Identifier: ISC
# SMTP on port 2626.
# Counted: No port says so: 220 and EHLO do. Two messages, one recipient each.
"$2/tests/gen/smtpgen" odd-port -o "$1" --seed 7 >/dev/null
