/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which wait the decision uses: read-wait, or answer wait where requests queue inside the application. Pure; called by
 * decide.c after spw_rates_take().
 *
 * An application that reads requests at once and queues them inside (asyncio, Go, Node, Java NIO, gRPC) shows no
 * read-wait: its queue shows in the time to its answers. That time contains the service time, which differs by service
 * and hour, so it is compared with its own idle value, and used only where a queue is seen to build up.
 */
#ifndef SPW_CORE_WAIT_CHOICE_H
#define SPW_CORE_WAIT_CHOICE_H

#include "rates.h"

/* Of one service, from tick to tick; zero it to begin. */
struct spw_answer_memory {
	bool begun;
	u64 waits[SPW_WAIT_BUCKETS]; /* of the tick before */
	u64 requests, first_reads;
	double recent[SPW_WAIT_BUCKETS]; /* the last answers, fading */
	double asked, work;		 /* requests, and connections first read, fading */
	double idle_ns;			 /* answer wait in calm; 0: not known yet */
	double sum_ns, count;		 /* waits of more of the last answers, fading */
	double mean_ns;			 /* mean answer wait in calm; 0: not known yet */
	double known_s;			 /* calm that the mean was learned in, within bounds */
	double per_s;			 /* answers, smooth */
	double late_s;			 /* how long answers have been late */
	double anchor;			 /* unanswered at that time */
	double anchor_work;		 /* answers since then */
	bool backlogged;		 /* requests were unanswered at the end of the tick before */
	bool inside;			 /* answer wait is in use */
	double calm_s;			 /* how long answers have been in time meanwhile */
};

/** spw_answers_begin() - @facts are the first; what was learned stays. */
void spw_answers_begin(struct spw_answer_memory *memory, const struct spw_service_facts *facts);

/**
 * spw_wait_choose() - take the answers of a tick, and choose the wait.
 * @seconds: since the tick before, more than 0 and no more than one
 * @service: wait_target_ns becomes the target of the wait chosen
 * @rates: from spw_rates_take(), with read-wait. If answer wait is chosen: wait_ns becomes how much later answers come
 *         than when idle, served_per_s the rate of answers in pieces of new work, and the backlog that of unanswered
 *         requests
 *
 * Answer wait is chosen if it is later than its idle value by more than its target and twice the read-wait, and while it
 * was, unanswered requests grew beyond chance: answers that only take longer, as of another mix of requests, pile up
 * once and no more. By Little's law, the rate of answers times their idle duration are in service; the rest is the
 * queue, and no answer is later than the queue takes: where durations vary much, some answers are always late although
 * nothing waits. Once chosen, the wait is the time that the queue takes. It stays chosen until answers have been in
 * time for CALM_SECONDS, or until requests mostly wait to be read. Its target is answer_target_ns less the idle value;
 * if learned, the idle value again, from wait_target_ns to a second. Where idle answers take longer than IDLE_MOST
 * (long polls) it is not chosen unless a target is set.
 */
void spw_wait_choose(struct spw_answer_memory *memory, const struct spw_service_facts *facts, double seconds,
		     struct spw_service_policy *service, struct spw_service_rates *rates);

#endif
