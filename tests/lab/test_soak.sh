#!/bin/bash
# SPDX-License-Identifier: ISC
# The short form of soak.sh, for make test.  Usage: test_soak.sh BUILD.
exec bash "$(dirname "$0")/soak.sh" "$1" 10 1000 500
