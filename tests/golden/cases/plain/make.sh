# SPDX-License-Identifier: ISC
# One message, command by command.
"$2/tests/gen/smtpgen" plain -o "$1" --seed 7 >/dev/null
