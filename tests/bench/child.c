/* SPDX-License-Identifier: GPL-2.0-only */
/* A child process and its result, in shared memory. */
#include "child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util.h"

u64 bench_child(void (*work)(const void *argument, void *result), const void *argument, void *result, size_t bytes)
{
	void *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rusage usage;
	pid_t parent = getpid(), child;
	int status;

	if (shared == MAP_FAILED)
		err(1, "mmap");
	fflush(NULL);
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		work(argument, shared);
		fflush(NULL);
		_exit(0);
	}
	while (wait4(child, &status, 0, &usage) < 0) {
		if (errno != EINTR)
			err(1, "wait");
		else if (bench_interrupted)
			kill(child, SIGKILL);
	}
	if (bench_interrupted)
		exit(130);
	if (status)
		errx(1, "a part of the bench failed (wait status %d)", status);
	memcpy(result, shared, bytes);
	munmap(shared, bytes);
	return (u64)usage.ru_maxrss;
}
