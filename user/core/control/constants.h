/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The numbers of the decision that no configuration changes. What an operator may change is in parameters.c.
 *
 * Each line: name, value, the value that would mean "none" (0 for times and amounts, 1 for factors), and what it is.
 * tests/sim/test_constants.c includes the code with variables in place of these, halves and doubles the distance of
 * each from "none", and holds good answers to within five points: none of them is finely tuned.
 *
 * Sources: [M] measured on the closed loop of the prototype or of the sim ring; [T] follows from theory, named in
 * capacity.c or decide.c; [C] chosen, as a promise to operators or a bound against damage.
 */
#if !defined(SPW_CORE_CONSTANTS_H) || defined(SPW_CONSTANTS_AGAIN)
#define SPW_CORE_CONSTANTS_H

#ifndef SPW_CONSTANT
#define SPW_CONSTANT(name, value, none) static const double name = value;
#endif

/* Measuring: capacity.c. */
SPW_CONSTANT(SERVED_SECONDS, 0.5, 0) /* s, smoothing of served and admitted before they are compared [M] */
SPW_CONSTANT(WINDOW_SECONDS, 1.5, 0) /* s of busy time that the mean remembers [M], */
SPW_CONSTANT(WINDOW_WORK, 100, 0)    /* or pieces of work: 10 % of noise [T: Poisson] */
SPW_CONSTANT(SILENCE, 5, 0)	     /* pieces of work that chance leaves out, once in 150 [T: e^-5] */
SPW_CONSTANT(CHANGE, 0.75, 1)	     /* ratio of rates that the test tells apart; its inverse upwards [M] */
SPW_CONSTANT(EVIDENCE, 12.5, 0)	     /* nats: five standard deviations [T: x^2 / 2] */
SPW_CONSTANT(LEAST_SECONDS, 0.4, 0)  /* s of busy time that show a change: beyond what a stall cuts short [T] */
SPW_CONSTANT(FIRST_WORK, 20, 0)	     /* pieces that a first estimate rests on [M] */
SPW_CONSTANT(OPTIMISM, 7, 0)	     /* pieces more, as it may be: 1.5 deviations of 20 [T] */
SPW_CONSTANT(SURGE, 2, 1)	     /* times what came before and what is served: it explains the queue [C] */

/* Bounds of what is believed: capacity.c. */
SPW_CONSTANT(PROOF, 0.1, 0)	   /* share by which served and admitted differ where a queue grows or drains [M] */
SPW_CONSTANT(UNPROVEN, 0.5, 0)	   /* share of the proven that the estimate keeps without such a proof [C] */
SPW_CONSTANT(SEEN_MARGIN, 1.25, 1) /* times the most that was seen served, at most [C] */
SPW_CONSTANT(CURB_PER_S, 0.1, 0) /* share a second: by guards and probe, full accept queues, and doubts that end [C] */

/* Searching upwards: capacity.c. */
SPW_CONSTANT(IDLE_PART, 8, 1)		 /* waits this part of the usual are those of a server with little to do [M] */
SPW_CONSTANT(TRIAL, 2, 1)		 /* times: a step, as in slow start [T] */
SPW_CONSTANT(TRIAL_SECONDS, 0.3, 0)	 /* s between steps: three ticks [T] */
SPW_CONSTANT(TRIAL_MOST_SECONDS, 30, 0)	 /* s between steps, after many that were too much [C] */
SPW_CONSTANT(TRIAL_FAILED_SECONDS, 1, 0) /* s: saturation so soon after a step is due to it [M] */

/* The queue, and what is said of it: capacity.c. */
SPW_CONSTANT(LASTED_SECONDS, 0.5, 0)	/* s: a guard above its limit for less is chance [C] */
SPW_CONSTANT(OVERWHELMED_SECONDS, 2, 0) /* s above target, [C] */
SPW_CONSTANT(OVERWHELMED_TARGETS, 5, 0) /* or targets: saturation is no chance [C] */
SPW_CONSTANT(STRAIN_WORK, 200, 0)	/* pieces (1 to 3 s) without a new low of the wait: the queue stays [M] */
SPW_CONSTANT(NEW_LOW, 0.94, 1)		/* times the low before: a third of a bucket of the histogram [T] */
SPW_CONSTANT(STRAIN_SECONDS, 1.7, 0)	/* s, time constant of the integral [M] */
SPW_CONSTANT(PAUSE_SECONDS, 1.2, 0)	/* s: a server that stands still for longer is out of order [C] */
SPW_CONSTANT(USUAL_TARGETS, 3, 0)	/* targets: no longer wait is usual [C] */
SPW_CONSTANT(LASTING_SECONDS, 0.7, 0)	/* s, smoothing of the law before shares are dealt [M] */
SPW_CONSTANT(SINK_PER_S, 0.1, 0)	/* share a second by which that sinks at most [M] */
SPW_CONSTANT(HELPLESS_SECONDS, 5, 0)	/* s until it is said that shedding does not help [C], */
SPW_CONSTANT(HELPLESS_SHARE, 0.5, 0)	/* of the capacity: with less admitted it should have helped [C] */

/* Loads and level: decide.c. */
SPW_CONSTANT(BURST, 1.15, 1)	       /* times what is sustained: at once too much; about the ceiling [C] */
SPW_CONSTANT(STEADY, 1.02, 1)	       /* times: too much if it lasts [M] */
SPW_CONSTANT(SPARE, 0.97, 1)	       /* times: so much fits with a margin [M] */
SPW_CONSTANT(SPARE_BURST, 1.05, 1)     /* times, of a moment [M] */
SPW_CONSTANT(FAR_BELOW, 0.7, 1)	       /* times: the load has ended [C] */
SPW_CONSTANT(LIFT, 1.1, 1)	       /* times what a level does not shed: room for its chance [C] */
SPW_CONSTANT(BINDS, 0.85, 1)	       /* of the budget: the limit binds if so much is used [M] */
SPW_CONSTANT(FAST_SECONDS, 0.3, 0)     /* s, smoothing of the loads that a level rises by, */
SPW_CONSTANT(FAST_MOST, 1, 0)	       /* s, at most, */
SPW_CONSTANT(FAST_WORK, 150, 0)	       /* over so many pieces: 8 % of noise [T] */
SPW_CONSTANT(SLOW_SECONDS, 2, 0)       /* s, of those that it falls by, */
SPW_CONSTANT(SLOW_MOST, 6, 0)	       /* s, at most, */
SPW_CONSTANT(SLOW_WORK, 600, 0)	       /* over so many pieces: 4 % of noise [T] */
SPW_CONSTANT(SHARE_SECONDS, 1, 0)      /* s, smoothing of what shares are reckoned from [M] */
SPW_CONSTANT(STEP_TIMES, 1.5, 1)       /* times what was: a step, [C] */
SPW_CONSTANT(STEP_DEVIATIONS, 6, 0)    /* and so many standard deviations, [T] */
SPW_CONSTANT(STEP_CLEAR, 2, 1)	       /* in two ticks, or so many times as far in one [M] */
SPW_CONSTANT(PAGE_SECONDS, 10, 0)      /* s over which it is learned how many connections come at once [M], */
SPW_CONSTANT(PAGE_MOST, 16, 0)	       /* at most [C]; */
SPW_CONSTANT(PAGE_LEAST, 2, 1)	       /* fewer are no pages [C] */
SPW_CONSTANT(PAGE_FAR, 9, 0)	       /* a count of three deviations says nothing of it [T] */
SPW_CONSTANT(HURRY_SECONDS, 0.5, 0)    /* s of hurried ticks after a step, */
SPW_CONSTANT(HURRY_MOST_SECONDS, 2, 0) /* s at most [C] */
SPW_CONSTANT(CROWDED, 0.985, 1)	       /* of the budget: who admits so much refuses some who are in the share [M] */

/* Shares: share.c. */
SPW_CONSTANT(FILL, 0.98, 1)	   /* of what is left is given out, so that the budget rarely refuses them [M] */
SPW_CONSTANT(FAR, 0.7, 1)	   /* times the share: an aim below falls at once [C] */
SPW_CONSTANT(GENTLE_SECONDS, 1, 0) /* s, otherwise it moves with this time constant, [M] */
SPW_CONSTANT(USED_LEAST, 0.3, 0)   /* upwards as many times faster as this part of what is left is used, at most [M] */
SPW_CONSTANT(NEAR, 0.02, 0)	   /* as near to 1 it is 1 [C] */
SPW_CONSTANT(WEIGHT_SECONDS, 0.5, 0) /* s over which it is learned what sources weigh, [M] */
SPW_CONSTANT(WEIGHT_PER_S, 0.3, 0)   /* or share a second, where only the total tells that they are too many [M] */
SPW_CONSTANT(WEIGHT_MOST, 4, 1)	     /* times [C] */
SPW_CONSTANT(ROOMY, 1.03, 1)	     /* a class becomes whole once so many times its load has room [C] */

/* Holds: level.c. */
SPW_CONSTANT(HOLD_MOST, 16, 1)	 /* times the hold: flapping doubles it up to there [C] */
SPW_CONSTANT(FLAP_HOLDS, 2, 0)	 /* up again within so many holds of a step down is flapping [C] */
SPW_CONSTANT(CALM_HOLDS, 6, 0)	 /* so many holds without flapping halve it [C] */
SPW_CONSTANT(PART_HOLDS, 2, 0)	 /* holds from any change to a step down, while the load goes on [C] */
SPW_CONSTANT(STEP_SECONDS, 4, 0) /* s between steps down once the load has ended, or half a hold [C] */

#endif
