/* SPDX-License-Identifier: GPL-2.0-only */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

int spw_message(char *message, int err, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, SPW_MESSAGE_MAX, format, arguments);
	va_end(arguments);
	return err;
}
