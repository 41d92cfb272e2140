/* SPDX-License-Identifier: GPL-2.0-only */
/* libbpf's messages while a program is loaded, kept for an error message instead of printed. Not thread-safe. */
#ifndef SPW_KERNEL_LIBBPF_LOG_H
#define SPW_KERNEL_LIBBPF_LOG_H

#include <stdbool.h>

/** spw_libbpf_listen() - discard earlier warnings and keep those from now on. */
void spw_libbpf_listen(void);

/** spw_libbpf_words() - the verifier's last line, else the first warning since spw_libbpf_listen(); "": none. */
const char *spw_libbpf_words(void);

/** spw_libbpf_verifier_refused() - whether they are the verifier's. */
bool spw_libbpf_verifier_refused(void);

#endif
