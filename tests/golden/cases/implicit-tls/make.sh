# SPDX-License-Identifier: ISC
# Port 465.
"$2/tests/gen/smtpgen" implicit-tls -o "$1" --seed 7 >/dev/null
