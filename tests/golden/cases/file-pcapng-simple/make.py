# SPDX-License-Identifier: ISC
"""pcapng with simple packet blocks: no times at all."""
import sys

from capture import *

cap = Capture()
cap.mail()
cap.write_ng(sys.argv[1], simple=True)
