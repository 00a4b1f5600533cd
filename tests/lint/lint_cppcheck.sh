#!/bin/bash
# SPDX-License-Identifier: ISC
# cppcheck over all of our code; every suppression has its reason.
set -u
cd "$(dirname "$0")/../.."
cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	--suppress=missingIncludeSystem `# system headers are not read` \
	--suppress=internalAstError:*.h --suppress=preprocessorErrorDirective \
	'-Djson_array_foreach(a,i,v)=for(;(i);)' '-Djson_object_foreach(o,k,v)=for(;(k);)' -D__linux__ -D__x86_64__ -DBULKHEAD_VERSION='"0"' -I. -j 2 base sensor policy whitelist cli tests/gen tests/policy
