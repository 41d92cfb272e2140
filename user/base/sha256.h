/* SPDX-License-Identifier: GPL-2.0-only */
/* SHA-256 (FIPS 180-4). Tells damaged copies and downloads; nothing secret goes through it. */
#ifndef SPW_BASE_SHA256_H
#define SPW_BASE_SHA256_H

#include <stddef.h>

#define SPW_SHA256_TEXT 65 /* 64 hexadecimal digits and a NUL */

/** spw_sha256() - the digest of @length bytes, in lower-case hexadecimal. Returns @text. */
const char *spw_sha256(const void *bytes, size_t length, char text[SPW_SHA256_TEXT]);

#endif
