/* SPDX-License-Identifier: GPL-2.0-only */
#include "sha256.h"

#include <stdio.h>
#include <string.h>

#include "maps/types.h"

#define BLOCK_BYTES 64
#define WORDS	    8

/* Fractional parts of the cube roots of the first 64 primes. */
static const u32 constants[BLOCK_BYTES] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static u32 rotate(u32 word, u32 bits)
{
	return word >> bits | word << (32 - bits);
}

static void expand(const u8 block[BLOCK_BYTES], u32 schedule[BLOCK_BYTES])
{
	for (u32 i = 0; i < 16; i++)
		schedule[i] = (u32)block[4 * i] << 24 | (u32)block[4 * i + 1] << 16 | (u32)block[4 * i + 2] << 8 |
			      block[4 * i + 3];
	for (u32 i = 16; i < BLOCK_BYTES; i++) {
		u32 early = schedule[i - 15], late = schedule[i - 2];

		schedule[i] = schedule[i - 16] + (rotate(early, 7) ^ rotate(early, 18) ^ early >> 3) + schedule[i - 7] +
			      (rotate(late, 17) ^ rotate(late, 19) ^ late >> 10);
	}
}

/* a to h of the standard are s[0] to s[7]. */
static void add_block(u32 state[WORDS], const u8 block[BLOCK_BYTES])
{
	u32 schedule[BLOCK_BYTES], s[WORDS];

	expand(block, schedule);
	memcpy(s, state, sizeof(s));
	for (u32 i = 0; i < BLOCK_BYTES; i++) {
		u32 choice = (s[4] & s[5]) ^ (~s[4] & s[6]), majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
		u32 first = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) + choice + constants[i] +
			    schedule[i];
		u32 second = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) + majority;

		memmove(&s[1], &s[0], (WORDS - 1) * sizeof(*s));
		s[4] += first;
		s[0] = first + second;
	}
	for (u32 i = 0; i < WORDS; i++)
		state[i] += s[i];
}

const char *spw_sha256(const void *bytes, size_t length, char text[SPW_SHA256_TEXT])
{
	u32 state[WORDS] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	const u8 *at = bytes;
	u8 last[2 * BLOCK_BYTES] = {0};
	size_t left = length, ends;

	for (; left >= BLOCK_BYTES; left -= BLOCK_BYTES, at += BLOCK_BYTES)
		add_block(state, at);
	if (left)
		memcpy(last, at, left);
	last[left] = 0x80;
	ends = left + 9 > BLOCK_BYTES ? 2 * BLOCK_BYTES : BLOCK_BYTES;
	for (u32 i = 0; i < 8; i++)
		last[ends - 1 - i] = (u8)((u64)length * 8 >> 8 * i);
	for (size_t i = 0; i < ends; i += BLOCK_BYTES)
		add_block(state, last + i);
	for (u32 i = 0; i < WORDS; i++)
		snprintf(text + (size_t)8 * i, 9, "%08x", state[i]);
	return text;
}
