/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tick as kept in the history: facts, override and decision; and its compact form, made of differences to the record
 * before. Called by user/store; pure.
 *
 * FORM. Fields come in a fixed sequence (walk() of record.c; only as many classes and services as the policy has).
 * Whole numbers are differences to the field before, zigzag-coded; those of the decision are kept to a thousandth;
 * doubles of the facts are kept exactly, as the exclusive-or with the bits before, bytes reversed. Unchanged fields are
 * counted, the others written: varint of the unchanged ones before it, varint of the difference. A varint is LEB128: 7
 * bits a byte, lowest first, continued where the top bit is set.
 */
#ifndef SPW_CORE_RECORD_H
#define SPW_CORE_RECORD_H

#include <stddef.h>

#include "decide.h"

struct spw_record {
	struct spw_override override;
	struct spw_facts facts;
	struct spw_decision decision;
};

/* Upper bound of one record: every field at its longest. */
#define SPW_RECORD_BYTES_MAX (1u << 20)

/* Of the format. 1 had no answer waits. */
#define SPW_RECORD_VERSION 2u

/** spw_record_put() - encode @now after @before. Returns the bytes used; 0: @room is too small. */
size_t spw_record_put(const struct spw_record *now, const struct spw_record *before, u32 classes, u32 services, u8 *to,
		      size_t room);

/**
 * spw_record_get() - decode in place.
 * @record: the record before, becomes this one
 * @version: of the encoding, 1 to SPW_RECORD_VERSION; 1 has no answer waits
 * Returns the bytes used; 0: damaged or cut off, and @record is undefined.
 */
size_t spw_record_get(struct spw_record *record, u32 version, u32 classes, u32 services, const u8 *from, size_t bytes);

#endif
