# SPDX-License-Identifier: ISC
# Super-frames of 60 KB with IPv4 length 0.
# Counted: One message, however many segments a frame stands for: a length of 0 means what the frame holds.
"$2/tests/gen/smtpgen" gso -o "$1" --seed 7 >/dev/null
