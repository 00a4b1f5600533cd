# SPDX-License-Identifier: ISC
# SSH on port 25; FTP, POP, IMAP, NNTP, IRC.
# Other protocols leave no server behind, not even on port 25.
"$2/tests/gen/smtpgen" not-smtp -o "$1" --seed 7 >/dev/null
