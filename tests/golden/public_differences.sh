# SPDX-License-Identifier: ISC
# differ[file]="our numbers : why" for captures that we read otherwise than their manifest; sourced by test_public.sh.
