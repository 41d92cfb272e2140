/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of UDP sessions (maps/session.h). Pure.
 *
 *   begin    When all rules let a flow's datagram pass. So a spoofed flood enters at the rate of the budget at most.
 *   confirm  With its second datagram, which a spoofed flow of one datagram never sends.
 *   bound    A session may send up to a rate; beyond, its datagrams are new work again, so that an admitted flow cannot
 *            be used for a flood.
 *   end      After spw_session_limits.idle of silence.
 *   full     A new session replaces, in its set: a free or ended one; else the unconfirmed one that was idle longest;
 *            else a confirmed one if it was idle for an eighth of the idle time. Otherwise it is not remembered. So a
 *            confirmed session that keeps sending is never lost to others.
 *
 * CPUs do not lock: of two writes to one word at once, one is lost. Then a session must be admitted once more.
 */
#ifndef SPW_BPF_SESSION_H
#define SPW_BPF_SESSION_H

#include "maps/session.h"

#define SPW_SESSION_ENDED (SPW_SESSION_CONFIRMED << 1) /* in a rank */

/* @flow: spw_hash_flow() */
SPW_INLINE u32 spw_session_set(u64 flow)
{
	return (u32)(flow >> (64 - SPW_SESSION_SET_BITS));
}

SPW_INLINE u64 spw_session_tag(u64 flow)
{
	return flow << SPW_SESSION_SET_BITS >> SPW_SESSION_TAG_SHIFT << SPW_SESSION_TAG_SHIFT;
}

SPW_INLINE bool spw_session_is(u64 word, u64 flow)
{
	return !((word ^ spw_session_tag(flow)) >> SPW_SESSION_TAG_SHIFT);
}

/* @now: jiffies */
SPW_INLINE u64 spw_session_time(u64 now)
{
	return now << SPW_SESSION_TIME_SHIFT & SPW_SESSION_TIME_MASK;
}

/* The age of a session whose backlog is gone. */
SPW_INLINE u64 spw_session_drained(const struct spw_session_limits *limits)
{
	return limits->tolerance + limits->interval;
}

/*
 * Time since the session of @word had the greatest backlog possible, that of spw_session_drained(): with a backlog, less
 * than that; idle, more. So one comparison tells sessions from words that are empty or from long ago. After hours in
 * which its set was not used, a word may seem young again, for as long as a session may be idle: it is harmless.
 */
SPW_INLINE u64 spw_session_age(u64 word, u64 time, const struct spw_session_limits *limits)
{
	return (time + spw_session_drained(limits) - word) & SPW_SESSION_TIME_MASK;
}

SPW_INLINE bool spw_session_is_over(u64 age, const struct spw_session_limits *limits)
{
	return age >= spw_session_drained(limits) + limits->idle;
}

/**
 * spw_session_seen() - whether a datagram belongs to a session and is within its rate; if so, charges and confirms it.
 * @set: at spw_session_set() of @flow
 * @now: jiffies
 */
SPW_INLINE bool spw_session_seen(u64 set[SPW_SESSION_WAYS], u64 flow, u64 now, const struct spw_session_limits *limits)
{
	u64 time = spw_session_time(now);

	for (u32 way = 0; way < SPW_SESSION_WAYS; way++) {
		u64 word, age;

		SPW_OPAQUE(way); /* not unrolled: that takes stack */
		word = *(volatile u64 *)&set[way];
		age = spw_session_age(word, time, limits);
		if (!spw_session_is(word, flow))
			continue;
		if (age < limits->interval || spw_session_is_over(age, limits))
			return false;
		if (age < spw_session_drained(limits))
			time = word;
		time = (time + limits->interval) & SPW_SESSION_TIME_MASK;
		*(volatile u64 *)&set[way] = spw_session_tag(flow) | SPW_SESSION_CONFIRMED | time;
		return true;
	}
	return false;
}

/*
 * The higher, the sooner the session of @word is replaced. Without branches, as is its use: the verifier would follow
 * every combination of them in a set.
 */
SPW_INLINE u64 spw_session_rank(u64 word, u64 age, const struct spw_session_limits *limits)
{
	s64 left = (s64)(spw_session_drained(limits) + limits->idle) - 1 - (s64)age;

	return age | (~word & SPW_SESSION_CONFIRMED) | ((u64)(left >> 63) & SPW_SESSION_ENDED);
}

/** spw_session_begin() - @flow was admitted. Changes nothing if it has a session already. Arguments as above. */
SPW_INLINE void spw_session_begin(u64 set[SPW_SESSION_WAYS], u64 flow, u64 now, const struct spw_session_limits *limits)
{
	u64 time = spw_session_time(now);
	s64 highest = 0; /* rank and way */

	for (u32 way = 0; way < SPW_SESSION_WAYS; way++) {
		u64 word, age;
		s64 more;

		SPW_OPAQUE(way);
		word = *(volatile u64 *)&set[way];
		age = spw_session_age(word, time, limits);
		more = (s64)(spw_session_rank(word, age, limits) * SPW_SESSION_WAYS + way) - highest;
		if (spw_session_is(word, flow) && !spw_session_is_over(age, limits))
			return;
		highest += more & ~(more >> 63);
	}
	if ((u64)highest / SPW_SESSION_WAYS >= spw_session_drained(limits) + limits->idle / 8)
		*(volatile u64 *)&set[highest & (SPW_SESSION_WAYS - 1)] = spw_session_tag(flow) | time;
}

#endif
