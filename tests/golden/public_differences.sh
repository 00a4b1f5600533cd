# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
# Captures that we read otherwise, and why; sourced by test_public.sh.
# differ[file]="our numbers : why": sessions, messages, accepted, rejected against the manifest beside the captures.
differ[oneside/PcapPlusPlus__Smtp.pcap]="3 0 0 0 : packets of one connection 14 years apart; we end a session that was idle for ten minutes"
differ[tls/suricata-verify__smtp-tls-protodetect.pcap]="1 0 0 0 : a server on port 465 that greets in the clear; the manifest counts it as implicit TLS, not as a session"
# unlike[file]="our lines, comma-separated : why": clients against oracle.py.
unlike[port25-no-smtp/arkime__socks5-smtp-503.pcap]="10.0.0.2 1 0 0 0 0 0 : SMTP inside a SOCKS connection, which begins in the middle of its stream; oracle.py only looks at its first bytes"
