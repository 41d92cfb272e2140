/* SPDX-License-Identifier: GPL-2.0-only */
/* What libbpf has to say while a program is loaded: kept for a message instead of printed to stderr. Not for threads. */
#ifndef SPW_KERNEL_LIBBPF_LOG_H
#define SPW_KERNEL_LIBBPF_LOG_H

#include <stdbool.h>

/** spw_libbpf_listen() - keep warnings from now on, and forget earlier ones. */
void spw_libbpf_listen(void);

/** spw_libbpf_words() - the verifier's last line, else the first warning since spw_libbpf_listen(); "": none. */
const char *spw_libbpf_words(void);

/** spw_libbpf_verifier_refused() - whether the words are the verifier's. */
bool spw_libbpf_verifier_refused(void);

#endif
