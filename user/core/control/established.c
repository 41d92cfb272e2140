/* SPDX-License-Identifier: GPL-2.0-only */
#include "established.h"

#include "rates.h"

#define RATE_SECONDS	0.3   /* time constant of rates of requests */
#define REFUSED_SECONDS 1.0   /* of refused new work */
#define FADE_SECONDS	60.0  /* of the withheld rate, if nobody comes back */
#define LASTING_SECONDS 600.0 /* the same, while somebody does */
#define COUNTS_PER_S	1e8   /* faster counters are not believed */
#define HALF_SECONDS	0.25 /* half of the window of shares: a share lasts if it is seen for as long as a wait counts */

/* ---- picking ---- */

enum spw_ending_reason spw_ending_reason(const struct spw_ending *ending, const struct spw_connection *connection)
{
	u64 patience_ns;

	if (connection->flags & SPW_CONNECTION_MANAGEMENT || connection->service >= SPW_SERVICES_MAX ||
	    connection->rank >= SPW_CLASSES_MAX)
		return SPW_ENDING_NONE;
	patience_ns = ending->patience_ns[connection->service];
	if (patience_ns && connection->waits_ns > patience_ns)
		return SPW_ENDING_PATIENCE;
	if (ending->gives_up[connection->service][connection->rank] && !(connection->flags & SPW_CONNECTION_INSIDE))
		return SPW_ENDING_SHARE;
	return SPW_ENDING_NONE;
}

/* Is @one to be ended before @other? */
static bool is_before(const struct spw_ending *ending, const struct spw_connection *one,
		      const struct spw_connection *other)
{
	bool one_waits = spw_ending_reason(ending, one) == SPW_ENDING_PATIENCE;
	bool other_waits = spw_ending_reason(ending, other) == SPW_ENDING_PATIENCE;
	bool one_busy = one->flags & SPW_CONNECTION_BUSY, other_busy = other->flags & SPW_CONNECTION_BUSY;

	if (one_waits != other_waits)
		return one_waits;
	if (one_waits)
		return one->waits_ns > other->waits_ns;
	if (one->rank != other->rank)
		return one->rank > other->rank;
	if (one_busy != other_busy)
		return other_busy;
	return one->idle_ns > other->idle_ns;
}

static void swap(struct spw_connection *one, struct spw_connection *other)
{
	struct spw_connection kept = *one;

	*one = *other;
	*other = kept;
}

/* The top goes down until those below it are no less urgent. */
static void sink(struct spw_connection *heap, u32 count, const struct spw_ending *ending)
{
	for (u32 at = 0, below = 1; below < count; below = 2 * at + 1) {
		if (below + 1 < count && is_before(ending, &heap[below], &heap[below + 1]))
			below++;
		if (!is_before(ending, &heap[at], &heap[below]))
			return;
		swap(&heap[at], &heap[below]);
		at = below;
	}
}

void spw_picks_begin(struct spw_picks *picks, u32 most)
{
	picks->count = 0;
	picks->most = most < SPW_PICKS_MAX ? most : SPW_PICKS_MAX;
}

void spw_picks_offer(struct spw_picks *picks, const struct spw_ending *ending, const struct spw_connection *connection)
{
	u32 at = picks->count, above;

	if (!picks->most || spw_ending_reason(ending, connection) == SPW_ENDING_NONE)
		return;
	if (picks->count == picks->most) {
		if (!is_before(ending, connection, &picks->heap[0]))
			return;
		picks->heap[0] = *connection;
		sink(picks->heap, picks->count, ending);
		return;
	}
	picks->heap[picks->count++] = *connection;
	for (; at; at = above) {
		above = (at - 1) / 2;
		if (!is_before(ending, &picks->heap[above], &picks->heap[at]))
			return;
		swap(&picks->heap[above], &picks->heap[at]);
	}
}

void spw_picks_sort(struct spw_picks *picks, const struct spw_ending *ending)
{
	for (u32 left = picks->count; left > 1;) {
		swap(&picks->heap[0], &picks->heap[--left]);
		sink(picks->heap, left, ending);
	}
}

/* ---- accounting ---- */

/* The class's part of the service's requests; before the first sweep the lowest class has all. */
static double part_of(const struct spw_established *established, u32 rank, u32 classes_count)
{
	double all = 0;

	for (u32 i = 0; i < classes_count; i++)
		all += established->classes[i].swept;
	if (all > 0)
		return established->classes[rank].swept / all;
	return rank + 1 == classes_count;
}

/* Add a fraction to an integer counter. */
static void count(u64 *counter, double *rest, double more)
{
	double whole = *rest + spw_bounded(more, 0, COUNTS_PER_S);

	*counter += (u64)whole;
	*rest = whole - (double)(u64)whole;
}

static void take_class(struct spw_established_class *class, u64 refused, double came, double seconds)
{
	double more = (double)(refused - class->refused_before);

	count(&class->requests, &class->requests_rest, came);
	class->per_s = spw_smooth(class->per_s, came / seconds, seconds, RATE_SECONDS);
	if (more <= COUNTS_PER_S)
		class->refused_per_s = spw_smooth(class->refused_per_s, more / seconds, seconds, REFUSED_SECONDS);
	class->refused_before = refused;
	/* Refused new work is in fresh[SPW_DROP] already. */
	count(&class->withheld, &class->withheld_rest,
	      spw_bounded(class->withheld_per_s - class->refused_per_s, 0, COUNTS_PER_S) * seconds);
}

void spw_established_take(struct spw_established *established, const struct spw_service_facts *facts, u32 classes_count,
			  double seconds)
{
	double came = (double)(facts->later_requests - established->requests);
	double read = (double)(facts->later_reads - established->later_reads);
	bool comparable = facts->waits_present && established->begun && seconds > 0 && came <= COUNTS_PER_S &&
			  read <= COUNTS_PER_S;

	established->present = facts->waits_present;
	established->begun = facts->waits_present;
	established->requests = facts->later_requests;
	established->later_reads = facts->later_reads;
	if (comparable) {
		established->served += (u64)read;
		established->per_s = spw_smooth(established->per_s, came / seconds, seconds, RATE_SECONDS);
	}
	for (u32 i = 0; i < classes_count; i++) {
		struct spw_established_class *class = &established->classes[i];

		if (comparable)
			take_class(class, facts->fresh[i][SPW_DROP], came * part_of(established, i, classes_count),
				   seconds);
		else
			class->refused_before = facts->fresh[i][SPW_DROP];
	}
}

void spw_established_add(struct spw_established *established, u32 classes_count, struct spw_service_facts *facts)
{
	established->added = established->present;
	if (!established->present)
		return;
	facts->first_reads += established->served;
	for (u32 i = 0; i < classes_count; i++) {
		facts->fresh[i][SPW_PASS] += established->classes[i].requests;
		facts->fresh[i][SPW_DROP] += established->classes[i].withheld;
	}
}

void spw_established_see(struct spw_established *established, const struct spw_connection *connection)
{
	if (connection->rank < SPW_CLASSES_MAX)
		established->classes[connection->rank].seen += connection->requests;
}

void spw_established_swept(struct spw_established *established)
{
	for (u32 i = 0; i < SPW_CLASSES_MAX; i++) {
		established->classes[i].swept = established->classes[i].seen;
		established->classes[i].seen = 0;
	}
}

void spw_established_ended(struct spw_established *established, const struct spw_connection *connection,
			   enum spw_ending_reason reason)
{
	if (connection->rank >= SPW_CLASSES_MAX || reason >= SPW_ENDING_REASONS)
		return;
	established->classes[connection->rank].endings[reason]++;
	if (reason == SPW_ENDING_SHARE)
		established->classes[connection->rank].ended += connection->requests;
}

double spw_established_share(const struct spw_established *established, u32 rank,
			     const struct spw_service_decision *decision)
{
	const double *outside = established->classes[rank].outside;
	const struct spw_class_decision *class = &decision->classes[rank];

	if (class->cut)
		return 0;
	if (decision->saturated)
		return class->share;
	return 1 - (outside[0] < outside[1] ? outside[0] : outside[1]);
}

static void watch_share(struct spw_established_class *class, double share, bool turns)
{
	double outside = spw_bounded(1 - share, 0, 1);

	if (turns)
		class->outside[1] = class->outside[0];
	if (turns || outside < class->outside[0])
		class->outside[0] = outside;
}

static void withhold(struct spw_established_class *class, const struct spw_class_decision *decision, double seconds)
{
	double part = class->swept > 0 ? spw_bounded(class->ended / class->swept, 0, 1) : 0;
	double fade = class->refused_per_s > 0.1 ? LASTING_SECONDS : FADE_SECONDS;
	double share = decision->cut ? 0 : decision->share, gone = part * class->per_s;

	/* What is gone is not counted again with the next ones, although the smoothed rate would follow slowly. */
	class->per_s -= gone;
	class->swept -= part * class->swept;
	class->ended = 0;
	if (!decision->sheds && !decision->cut) {
		class->withheld_per_s = 0;
		class->share = 1;
		return;
	}
	class->withheld_per_s += gone;
	if (share > class->share && class->share < 1)
		class->withheld_per_s *= (1 - share) / (1 - class->share);
	class->withheld_per_s = spw_smooth(class->withheld_per_s, 0, seconds, fade);
	class->share = share;
}

void spw_established_withhold(struct spw_established *established, const struct spw_service_decision *decision,
			      u32 classes_count, double seconds)
{
	bool turns = (established->window_s += seconds) >= HALF_SECONDS;

	if (turns)
		established->window_s = 0;
	for (u32 i = 0; i < classes_count; i++) {
		const struct spw_class_decision *class = &decision->classes[i];

		watch_share(&established->classes[i], class->sheds || class->cut ? class->share : 1, turns);
		withhold(&established->classes[i], class, seconds);
	}
}
