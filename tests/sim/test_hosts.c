/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The number of hosts that an autoscaler should run, in the closed loop: it is that of the demand, not of what is
 * admitted; it comes soon after a step, stays while the step lasts, and goes with it.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "runner.h"
#include "user/core/control/hosts.h"

#define STEP_BEGINS 30.0
#define STEP_ENDS   90.0

static double step(const struct sim *sim, u32 site, double time)
{
	(void)site;
	return time >= STEP_BEGINS && time < STEP_ENDS ? sim->setup.parameter : 0.5;
}

struct reading {
	double least, most, sum;
	u32 count;
};

static void read_until(struct sim *sim, double time, struct reading *reading)
{
	const struct spw_service_decision *service = &sim->decision.services[0];

	*reading = (struct reading){.least = 1e9};
	while (sim->time < time) {
		sim_run(sim, sim->time + 0.1);
		if (!service->hosts_known)
			continue;
		reading->least = fmin(reading->least, service->hosts_wanted);
		reading->most = fmax(reading->most, service->hosts_wanted);
		reading->sum += service->hosts_wanted;
		reading->count++;
	}
}

/* Returns the mean while the step lasts, from 14 s after it began. */
static double one_step(double load, bool known, u64 seed)
{
	struct sim *sim = sim_begin(&(struct sim_case){.load = step, .parameter = load, .known = known, .seed = seed});
	double wanted = load / SPW_HOSTS_SHARE;
	struct reading calm, rising, up, down;

	read_until(sim, STEP_BEGINS, &calm);
	assert_int_equal(calm.count > 0, known);
	read_until(sim, STEP_BEGINS + 14, &rising);
	read_until(sim, STEP_ENDS, &up);
	print_message("# %gx, capacity %s: %.2f hosts wanted (%.2f to %.2f); exact %.2f\n", load,
		      known ? "known" : "learned", up.sum / up.count, up.least, up.most, wanted);
	/* A learned capacity is tried upwards, so fewer hosts are wanted for a while. */
	assert_true(up.least > wanted * (known ? 0.9 : 0.8) && up.most < wanted * 1.1);
	assert_true(up.most - up.least < wanted * (known ? 0.1 : 0.2));
	/* What is admitted would need 0.95 / 0.70 of a host. */
	assert_true(load < 1.5 || up.least > 1.5);
	sim_run(sim, STEP_ENDS + 22);
	read_until(sim, STEP_ENDS + 40, &down);
	print_message("# after: %.2f to %.2f\n", down.least, down.most);
	/* The last step of a trial may stand: a learned capacity may be too high by that, and some. */
	assert_true(down.most < (known ? 1.1 : 1.2) * 0.5 / SPW_HOSTS_SHARE);
	assert_true(down.least > (known ? 0.95 : 0.75) * 0.5 / SPW_HOSTS_SHARE);
	sim_end(sim, "hosts");
	return up.sum / up.count;
}

static void test_steps(void **state)
{
	static const double loads[] = {1.6, 2, 5, 10};

	(void)state;
	for (size_t i = 0; i < sizeof(loads) / sizeof(*loads); i++) {
		double wanted = loads[i] / SPW_HOSTS_SHARE, mean = 0;

		for (u64 seed = 1; seed <= 3; seed++) {
			mean += one_step(loads[i], true, seed) / 6;
			mean += one_step(loads[i], false, seed) / 6;
		}
		assert_float_equal(mean, wanted, wanted * 0.08);
	}
}

/* A burst of a few seconds is no reason to start hosts. */
static double burst(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return fmod(time, 30) > 27 ? 2 : 0.5;
}

static void test_bursts(void **state)
{
	struct sim *sim = sim_begin(&(struct sim_case){.load = burst, .known = true, .seed = 4});
	struct reading reading;

	(void)state;
	read_until(sim, 120, &reading);
	print_message("# bursts: %.2f to %.2f\n", reading.least, reading.most);
	assert_true(reading.count > 1000);
	assert_true(reading.most < 1.0);
	sim_end(sim, "bursts");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_bursts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
