# SPDX-License-Identifier: ISC
# Three messages in one session.
"$2/tests/gen/smtpgen" several-messages -o "$1" --seed 7 >/dev/null
