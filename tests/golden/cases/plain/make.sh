# SPDX-License-Identifier: ISC
# One message, command by command.
# Counted: One reply to RCPT, one to the end of the text, each 250.
"$2/tests/gen/smtpgen" plain -o "$1" --seed 7 >/dev/null
