/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tick as the history keeps it: what was known, what an operator wished, what was decided; and its compact form,
 * which is made of differences to the record before. Called by user/store; pure.
 *
 * FORM. The fields of a record stand in one fixed order (walk() of record.c; only as many classes and services as the
 * policy has). Whole numbers count as the difference to the field before, zigzag-coded; those of the decision, other
 * than the facts, are kept to a thousandth; doubles of the facts are kept exactly, as the exclusive-or with the bits
 * before, bytes reversed. Fields that did not change are counted, the others written: varint of the unchanged ones
 * before it, varint of the difference. A varint holds 7 bits a byte, lowest first, and goes on where the top bit is set
 * (LEB128).
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

/* The most bytes that one record can take: every field at its longest. */
#define SPW_RECORD_BYTES_MAX (1u << 20)

/* Of the format. 1: without answer waits. */
#define SPW_RECORD_VERSION 2u

/** spw_record_put() - encode @now after @before. Returns the bytes used; 0: @room is too small. */
size_t spw_record_put(const struct spw_record *now, const struct spw_record *before, u32 classes, u32 services, u8 *to,
		      size_t room);

/**
 * spw_record_get() - decode in place.
 * @record: the record before, becomes this one
 * @version: that it was written in, 1 to SPW_RECORD_VERSION; answer waits are absent from 1
 * Returns the bytes used; 0: they are damaged or cut off, and @record is undefined.
 */
size_t spw_record_get(struct spw_record *record, u32 version, u32 classes, u32 services, const u8 *from, size_t bytes);

#endif
