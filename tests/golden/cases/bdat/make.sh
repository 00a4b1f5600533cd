# SPDX-License-Identifier: ISC
# CHUNKING (RFC 3030): one chunk.
# Counted: The 250 behind BDAT LAST is one message, to two recipients.
"$2/tests/gen/smtpgen" bdat -o "$1" --seed 7 >/dev/null
