# SPDX-License-Identifier: ISC
# CHUNKING (RFC 3030): one chunk.
"$2/tests/gen/smtpgen" bdat -o "$1" --seed 7 >/dev/null
