/* SPDX-License-Identifier: GPL-2.0-only */
/* The veth pair of the bench, and shell commands. All end the program on errors. */
#ifndef SPW_BENCH_WIRE_H
#define SPW_BENCH_WIRE_H

#include <stdio.h>

#include "feeder.h"

#define BENCH_SENDER   "bench0"
#define BENCH_RECEIVER "bench1"

/** bench_wire_make() - move this process into a new network namespace, with both ends in it, up. */
void bench_wire_make(void);

/** bench_wire_attach() - @program_fd receives in native mode; -1: no program, and NAPI polls because of GRO. */
void bench_wire_attach(int program_fd);

/** bench_wire_send() - send @packets from the sending end as live frames; see bench_feeder_run(). */
void bench_wire_send(struct bench_feeder *feeder, u8 family, u32 sources, u32 packets);

/** bench_command() - run a shell command and wait for it. */
__attribute__((format(printf, 1, 2))) void bench_command(const char *format, ...);

#endif
