# SPDX-License-Identifier: ISC
# 50 servers, sessions of every kind at random.
# Counted: What the generator prints that it sent, and what the independent reading pairs, agree for every client.
"$2/tests/gen/smtpgen" mix -o "$1" --seed 7 >/dev/null
