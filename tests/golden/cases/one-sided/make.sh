# SPDX-License-Identifier: ISC
# Only the client's packets.
# Without replies nothing counts as accepted; the session is marked as one-sided.
"$2/tests/gen/smtpgen" one-sided -o "$1" --seed 7 >/dev/null
