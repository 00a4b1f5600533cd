#!/bin/bash
# SPDX-License-Identifier: ISC
# The Debian packages: built as on a build machine, clean for lintian, and with everything that make install leaves.
# Usage: test_deb.sh BUILD.
tree=$(realpath "$(dirname "$0")/../..")
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
for p in dh dpkg-buildpackage lintian; do
	command -v $p >/dev/null || { echo "$p is missing: run tests/packages.sh deb"; exit 1; }
done

# A copy of the tree: packages are made beside their source, and the folder must not be a build's of another test.
mkdir tree dest
(cd "$tree" && { git ls-files -z -co --exclude-standard 2>/dev/null || find . -path ./build -prune -o -type f -print0; } |
	tar -c --null -T -) | tar -x -C tree
if make -s -C tree BUILD=build deb >log 2>&1; then ok build; else fail build "$(tail -n 5 log)"; fi
for p in $(sed -n 's/^Package: //p' tree/debian/control); do
	if dpkg-deb -x tree/build/deb/"$p"_*.deb dest; then ok "unpack-$p"; else fail "unpack-$p" "dpkg-deb -x"; fi
done
lintian --allow-root --fail-on error,warning tree/build/deb/*.changes >lint 2>&1
if [ $? -eq 0 ] && ! grep -q '^[EW]:' lint; then ok lintian; else fail lintian "$(head -n 5 lint)"; fi

# What make install leaves, packed by one of them (manual pages are packed with gzip).
(cd "$tree" && make -s BUILD="$build" install DESTDIR="$work/plain") >log 2>&1 || fail install "$(tail -n 3 log)"
files_of() { (cd "$1" && find . -type f | sed 's/\.gz$//; s,^\./usr/lib/systemd,./lib/systemd,' | sort); }
files_of plain >plain.list
files_of dest >packed.list
missing=$(comm -23 plain.list packed.list | paste -sd' ')
if [ -z "$missing" ]; then ok packs-everything; else fail packs-everything "not in a package: $missing"; fi
finish
