# SPDX-License-Identifier: ISC
# The server is busy.
# Counted: SMTP was spoken, so it is a session, and the connection did not fail; the client was never asked for a recipient.
"$2/tests/gen/smtpgen" greeting-421 -o "$1" --seed 7 >/dev/null
