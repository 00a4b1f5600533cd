# SPDX-License-Identifier: ISC
# 50 servers, sessions of every kind at random.
"$2/tests/gen/smtpgen" mix -o "$1" --seed 7 >/dev/null
