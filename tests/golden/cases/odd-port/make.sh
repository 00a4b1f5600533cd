# SPDX-License-Identifier: ISC
# SMTP on port 2626.
"$2/tests/gen/smtpgen" odd-port -o "$1" --seed 7 >/dev/null
