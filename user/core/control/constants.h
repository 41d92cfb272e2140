/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Constants of the decision that no configuration changes. What an operator may change is in parameters.c.
 *
 * Each line: name, value, the value that would mean "none" (0 for times and amounts, 1 for factors), description.
 * tests/sim/test_constants.c replaces them by variables, halves and doubles the distance of each from "none", and
 * requires results within five points: none of them is finely tuned.
 *
 * Sources: [M] measured on the closed loop of the prototype or of the simulation; [T] follows from theory, named in
 * capacity.c or decide.c; [C] chosen, as a promise to operators or a bound on damage.
 */
#if !defined(SPW_CORE_CONSTANTS_H) || defined(SPW_CONSTANTS_AGAIN)
#define SPW_CORE_CONSTANTS_H

#ifndef SPW_CONSTANT
#define SPW_CONSTANT(name, value, none) static const double name = value;
#endif

/* Measuring: capacity.c. */
SPW_CONSTANT(SERVED_SECONDS, 0.5, 0) /* s, smoothing of served and admitted before they are compared [M] */
SPW_CONSTANT(WINDOW_SECONDS, 1.5, 0) /* s of busy time that the mean covers [M], */
SPW_CONSTANT(WINDOW_WORK, 100, 0)    /* or pieces of work: 10 % of noise [T: Poisson] */
SPW_CONSTANT(SILENCE, 5, 0)	     /* pieces of work missing by chance, once in 150 [T: e^-5] */
SPW_CONSTANT(CHANGE, 0.75, 1)	     /* ratio of rates that the test tells apart, and its inverse [M] */
SPW_CONSTANT(EVIDENCE, 12.5, 0)	     /* nats: five standard deviations [T: x^2 / 2] */
SPW_CONSTANT(LEAST_SECONDS, 0.4, 0)  /* s of busy time that show a change: more than a tick cut by a stall [T] */
SPW_CONSTANT(FIRST_WORK, 20, 0)	     /* pieces behind a first estimate [M] */
SPW_CONSTANT(OPTIMISM, 7, 0)	     /* pieces added to it: 1.5 standard deviations of 20 [T] */
SPW_CONSTANT(SURGE, 2, 1)	     /* times the load before and the service: explains the queue [C] */

/* Bounds of the estimate: capacity.c. */
SPW_CONSTANT(PROOF, 0.1, 0)	   /* share by which served and admitted differ where a queue grows or drains [M] */
SPW_CONSTANT(UNPROVEN, 0.5, 0)	   /* share of the proven that the estimate keeps without such a proof [C] */
SPW_CONSTANT(SEEN_MARGIN, 1.25, 1) /* times the highest rate seen served, at most [C] */
SPW_CONSTANT(CURB_PER_S, 0.1, 0) /* share a second: guards, probe, full accept queues, recovery of a doubted one [C] */

/* Growing the capacity: capacity.c. */
SPW_CONSTANT(IDLE_PART, 8, 1)		 /* waits this part of the usual mean a server with little to do [M] */
SPW_CONSTANT(TRIAL_FIRST, 1.15, 1)	 /* times: the first step; each further one twice as far, [M] */
SPW_CONSTANT(TRIAL, 2, 1)		 /* times, at most, as in slow start [T] */
SPW_CONSTANT(TRIAL_SECONDS, 0.3, 0)	 /* s between steps: three ticks [T] */
SPW_CONSTANT(TRIAL_MOST_SECONDS, 30, 0)	 /* s between steps, after repeated failures [C] */
SPW_CONSTANT(TRIAL_FAILED_SECONDS, 1, 0) /* s: saturation this soon after a step is its fault [M] */

/* The queue and its diagnosis: capacity.c. */
SPW_CONSTANT(LASTED_SECONDS, 0.5, 0)	/* s: a guard above its limit for less is chance [C] */
SPW_CONSTANT(OVERWHELMED_SECONDS, 2, 0) /* s above target, [C] */
SPW_CONSTANT(OVERWHELMED_TARGETS, 5, 0) /* or targets: then saturation is not chance [C] */
SPW_CONSTANT(STRAIN_WORK, 200, 0)	/* pieces (1 to 3 s) without a new low of the wait: a standing queue [M] */
SPW_CONSTANT(NEW_LOW, 0.94, 1)		/* times the former low: a third of a histogram bucket [T] */
SPW_CONSTANT(STRAIN_SECONDS, 1.7, 0)	/* s, time constant of the integral [M] */
SPW_CONSTANT(PAUSE_SECONDS, 1.2, 0)	/* s: a longer stall is a failure [C] */
SPW_CONSTANT(USUAL_TARGETS, 3, 0)	/* targets: upper bound of the usual wait [C] */
SPW_CONSTANT(LASTING_SECONDS, 0.7, 0)	/* s, smoothing of the law before shares are dealt [M] */
SPW_CONSTANT(SINK_PER_S, 0.1, 0)	/* share a second by which that sinks at most [M] */
SPW_CONSTANT(HELPLESS_SECONDS, 5, 0)	/* s until shedding is reported not to help [C], */
SPW_CONSTANT(HELPLESS_SHARE, 0.5, 0)	/* of the capacity: with less admitted, it should have helped [C] */

/* Loads and level: decide.c. */
SPW_CONSTANT(BURST, 1.15, 1)	       /* times what is sustained: too much at once; above the ceiling [C] */
SPW_CONSTANT(STEADY, 1.02, 1)	       /* times: too much if it lasts [M] */
SPW_CONSTANT(SPARE, 0.97, 1)	       /* times: fits with a margin [M] */
SPW_CONSTANT(SPARE_BURST, 1.05, 1)     /* times, for a moment [M] */
SPW_CONSTANT(FAR_BELOW, 0.7, 1)	       /* times: the load has ended [C] */
SPW_CONSTANT(LIFT, 1.1, 1)	       /* times the load that a level does not shed: margin for chance [C] */
SPW_CONSTANT(BINDS, 0.85, 1)	       /* of the budget: the limit binds if this much is used [M] */
SPW_CONSTANT(FAST_SECONDS, 0.3, 0)     /* s, smoothing of the loads by which a level rises, */
SPW_CONSTANT(FAST_MOST, 1, 0)	       /* s, at most, */
SPW_CONSTANT(FAST_WORK, 150, 0)	       /* over so many pieces: 8 % of noise [T] */
SPW_CONSTANT(SLOW_SECONDS, 2, 0)       /* s, of those by which it falls, */
SPW_CONSTANT(SLOW_MOST, 6, 0)	       /* s, at most, */
SPW_CONSTANT(SLOW_WORK, 600, 0)	       /* over so many pieces: 4 % of noise [T] */
SPW_CONSTANT(SHARE_SECONDS, 1, 0)      /* s, smoothing of the loads for shares [M] */
SPW_CONSTANT(STEP_TIMES, 1.5, 1)       /* times the load before: a step, [C] */
SPW_CONSTANT(STEP_DEVIATIONS, 6, 0)    /* and this many standard deviations, [T] */
SPW_CONSTANT(STEP_CLEAR, 2, 1)	       /* in two ticks, or this many times as far in one [M] */
SPW_CONSTANT(PAGE_SECONDS, 10, 0)      /* s over which the number of simultaneous connections is learned [M], */
SPW_CONSTANT(PAGE_MOST, 16, 0)	       /* at most [C]; */
SPW_CONSTANT(PAGE_LEAST, 2, 1)	       /* fewer are no pages [C] */
SPW_CONSTANT(PAGE_FAR, 9, 0)	       /* three standard deviations, squared: such counts are not learned from [T] */
SPW_CONSTANT(HURRY_SECONDS, 0.5, 0)    /* s of short ticks after a step, */
SPW_CONSTANT(HURRY_MOST_SECONDS, 2, 0) /* s at most [C] */
SPW_CONSTANT(CROWDED, 0.985, 1)	       /* of the budget: at this admission it refuses some sources in the share [M] */

/* Shares: share.c. */
SPW_CONSTANT(FILL, 0.98, 1)	     /* of the rest is given out: the budget rarely refuses sources in the share [M] */
SPW_CONSTANT(FAR, 0.7, 1)	     /* times the share: a target below falls at once [C] */
SPW_CONSTANT(GENTLE_SECONDS, 1, 0)   /* s: otherwise it moves with this time constant, [M] */
SPW_CONSTANT(USED_LEAST, 0.3, 0)     /* faster upwards the less of the rest is used, up to the inverse of this [M] */
SPW_CONSTANT(NEAR, 0.02, 0)	     /* this near to 1 it is 1 [C] */
SPW_CONSTANT(WEIGHT_SECONDS, 0.5, 0) /* s over which the weight of sources is learned, [M] */
SPW_CONSTANT(WEIGHT_PER_S, 0.3, 0)   /* or share a second, where only the total shows that they are too many [M] */
SPW_CONSTANT(WEIGHT_MOST, 4, 1)	     /* times [C] */
SPW_CONSTANT(ROOMY, 1.03, 1)	     /* a class becomes whole once this many times its load fits [C] */

/* Holds: level.c. */
SPW_CONSTANT(HOLD_MOST, 16, 1)	 /* times the hold: bound of doubling by flapping [C] */
SPW_CONSTANT(FLAP_HOLDS, 2, 0)	 /* up again within this many holds of a step down is flapping [C] */
SPW_CONSTANT(CALM_HOLDS, 6, 0)	 /* this many holds without flapping halve it [C] */
SPW_CONSTANT(PART_HOLDS, 2, 0)	 /* holds from any change to a step down, while the load goes on [C] */
SPW_CONSTANT(STEP_SECONDS, 4, 0) /* s between steps down once the load has ended, or half a hold [C] */

#endif
