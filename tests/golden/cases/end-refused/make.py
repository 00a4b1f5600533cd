# SPDX-License-Identifier: ISC
"""354, and then 5xx and 4xx to the end of the message: accepted recipients, but no message.

Counted: three recipients have 250; of the texts only c's has. What is said to the end of a text is said of no recipient."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
t.message(["a@one.example"], reply="550 5.7.1 spam")
t.message(["b@one.example"], reply="451-4.7.1 greylisted\r\n451 4.7.1 try later")
t.message(["c@one.example"])
t.quit()
cap.write(sys.argv[1])
