# SPDX-License-Identifier: ISC
# The same inside STARTTLS.
"$2/tests/gen/smtpgen" tls-newsletter -o "$1" --seed 7 >/dev/null
