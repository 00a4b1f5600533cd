# SPDX-License-Identifier: ISC
# The server does not want us.
# Counted: SMTP was spoken, so it is a session, and the connection did not fail; the client was never asked for a recipient.
"$2/tests/gen/smtpgen" greeting-554 -o "$1" --seed 7 >/dev/null
