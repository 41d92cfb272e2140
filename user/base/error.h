/* SPDX-License-Identifier: GPL-2.0-only */
/* Errors for people: a -errno for the caller and a sentence that says what happened and what to do. */
#ifndef SPW_BASE_ERROR_H
#define SPW_BASE_ERROR_H

/* Bytes of a message with its NUL; every `char *message` parameter in this tree points to that many. */
#define SPW_MESSAGE_MAX 512

/**
 * spw_message() - format the reason of a failure.
 * @message: filled in, cut to SPW_MESSAGE_MAX
 * @err: a negative errno, returned as is, so that callers can `return spw_message(...)`
 * @format: as printf(3); %m stands for errno
 */
__attribute__((format(printf, 3, 4))) int spw_message(char *message, int err, const char *format, ...);

#endif
