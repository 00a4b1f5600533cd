#!/bin/bash
# SPDX-License-Identifier: ISC
# The rules of the tree that a compiler does not check.  Each prints what breaks it and where.
set -u
cd "$(dirname "$0")/../.."
passed=0 failed=0

check() { # title; the offending lines come on standard input (by process substitution: a pipe would count in a subshell)
	local bad
	bad=$(cat)
	if [ -n "$bad" ]; then
		echo "FAIL $1"
		sed 's/^/  /' <<<"$bad"
		failed=$((failed + 1))
	else
		echo "ok $1"
		passed=$((passed + 1))
	fi
}

code=$(ls base/*.[ch] sensor/*.[ch] policy/*.[ch] whitelist/*.[ch] cli/*.[ch] 2>/dev/null)

# A third-party library is known to one file (with the second where a module is split over several).
one_user() { # header, files that may include it
	local header=$1
	shift
	grep -lF "#include <$header" $code | grep -vxF "$(printf '%s\n' "$@")" | sed "s|$| includes <$header>|"
}
check "a third-party header is included by one module" < <(
	one_user pcap sensor/tap.c
	one_user ndpi sensor/classify.c
	one_user maxminddb sensor/geo.c
	one_user libpsl sensor/suffix.c whitelist/check_domain.c
	one_user sqlite3 policy/store.c policy/store_private.h policy/store_schema.c policy/store_backup.c
	one_user nftables/ policy/enforce_nft.c
	one_user libnftnl/ policy/enforce_netlink.c policy/enforce_netlink_dump.c policy/enforce_netlink_list.c
	one_user libmnl/ policy/enforce_netlink.c policy/enforce_netlink_dump.c policy/enforce_netlink_list.c
	one_user sodium base/hash.c
	one_user xxhash base/hash.c
	one_user confuse base/config.c
	one_user ncurses cli/cmd_top.c
	one_user seccomp base/sandbox_seccomp.c
	one_user magic whitelist/evidence.c
	one_user gmime/ whitelist/check_message.c whitelist/check_mime.c
	one_user libxml/ whitelist/check_html.c policy/libvirt_xml.c
	one_user libvirt/ policy/libvirt_source.c
	one_user opendkim/ whitelist/check_dkim.c
	one_user idn2 whitelist/check_domain.c
	one_user png.h whitelist/check_picture.c
	one_user jpeglib whitelist/check_picture.c
	one_user webp/ whitelist/check_picture.c
	one_user unbound whitelist/check_dns.c
	one_user curl/ whitelist/check_page.c
)

# base <- whitelist <- policy <- cli; base <- sensor; policy sees only the observation header of sensor.
check "dependencies point one way" < <(
	grep -nE '#include "(sensor|policy|whitelist|cli)/' base/*.[ch] | sed 's/$/  (base includes nothing of ours)/'
	grep -nE '#include "(policy|whitelist|cli)/' sensor/*.[ch] | sed 's/$/  (sensor includes base only)/'
	grep -nE '#include "(policy|cli)/' whitelist/*.[ch] | sed 's/$/  (whitelist includes base and observation)/'
	grep -nE '#include "sensor/' policy/*.[ch] whitelist/*.[ch] | grep -v '"sensor/observation.h"' |
		sed 's/$/  (only sensor\/observation.h)/'
	grep -nE '#include "cli/' policy/*.[ch] | sed 's/$/  (policy does not know the CLI)/'
	grep -nE '#include "policy\/(enforce|guard|store)' cli/*.[ch] | sed 's/$/  (the CLI talks to the guard)/'
)

check "each folder's README names its files" < <(for dir in base sensor policy whitelist cli tests; do
	for f in "$dir"/*; do
		name=$(basename "$f")
		[ "$name" = README.md ] && continue
		stem=${name%.[ch]}
		grep -qF -e "\`$name\`" -e "\`$stem\`" -e "\`$stem.{c,h}\`" -e "\`$name/\`" "$dir/README.md" 2>/dev/null || echo "$dir/README.md does not name $name"
	done
done)

# The table of tests/golden/README.md: what must be read correctly, and the cases that show it.
check "the golden cases and their table are the same" < <(diff \
	<(sed -n '/^| item | cases |$/,$p' tests/golden/README.md | grep -o '`[a-z0-9-]*`' | tr -d '`' | sort -u) \
	<(ls tests/golden/cases | sort) |
	sed -n -e 's/^< /the table names a case that is not there: /p' -e 's/^> /the table does not name /p')

check "each file begins with its licence line" < <(for f in $code $(ls tests/*/*.[ch]); do
	head -n 1 "$f" | grep -q 'SPDX-License-Identifier: ISC' || echo "$f"
done)

check "files stay below 650 lines" < <(wc -l $code $(ls tests/*/*.[ch]) | awk '$2 != "total" && $1 >= 650 {print $2 ": " $1 " lines"}')

check "no marks of unfinished work" < <(git ls-files -co --exclude-standard | grep -vE '^tests/(fuzz/corpus|lint)/' | xargs grep -nIE 'TODO|FIXME|(^|[^X])XXX([^X]|$)' -- 2>/dev/null)

check "formatted by .clang-format" < <(clang-format --dry-run -Werror $code $(ls tests/*/*.[ch]) 2>&1 | grep -E 'error|warning' | cut -d: -f1 | sort | uniq -c)

check "man pages pass mandoc" < <(for page in */*.[1-8]; do [ -e "$page" ] && mandoc -Tlint -Wwarning "$page"; done 2>&1)

# debhelper and the tools of a Debian package are no libraries; build-essential is implied there.
check "debian/control and tests/packages.sh name the same libraries" < <(diff \
	<(sed -n '/^build="/,/"$/p' tests/packages.sh | tr -d '"' | sed 's/^build=//' | tr ' ' '\n' | grep -E '^lib|^pkg-config$' | sort -u) \
	<(sed -n '/^Build-Depends:/,/^[A-Z].*: /p' debian/control | grep -oE '(lib[a-z0-9.+-]+|pkg-config)' | sort -u) | grep '^[<>]')

check "shell scripts parse" < <(for s in $(git ls-files -co --exclude-standard | grep -E '\.sh$|^\.ci/run$'); do bash -n "$s" 2>&1; done)

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
