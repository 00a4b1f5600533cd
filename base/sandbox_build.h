/* SPDX-License-Identifier: ISC */
/*
 * Whether this is a sanitizer build, whose runtime needs files and calls that no jail allows.
 */
#ifndef BASE_SANDBOX_BUILD_H
#define BASE_SANDBOX_BUILD_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_IS_SANITIZER_BUILD 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(SANDBOX_IS_SANITIZER_BUILD)
#define SANDBOX_IS_SANITIZER_BUILD 1
#endif
#ifndef SANDBOX_IS_SANITIZER_BUILD
#define SANDBOX_IS_SANITIZER_BUILD 0
#endif

#endif
