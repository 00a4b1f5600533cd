# SPDX-License-Identifier: ISC
# differ[file]="our numbers : why" for captures that we read otherwise than their manifest; sourced by test_public.sh.
differ[oneside/PcapPlusPlus__Smtp.pcap]="3 0 0 0 : packets of one connection 14 years apart; we end a session that was idle for ten minutes"
differ[tls/suricata-verify__smtp-tls-protodetect.pcap]="1 0 0 0 : a server on port 465 that greets in the clear; the manifest counts it as implicit TLS, not as a session"
