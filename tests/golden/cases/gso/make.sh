# SPDX-License-Identifier: ISC
# Super-frames of 60 KB with IPv4 length 0.
"$2/tests/gen/smtpgen" gso -o "$1" --seed 7 >/dev/null
