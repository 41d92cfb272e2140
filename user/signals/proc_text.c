/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of /proc as text -> numbers. */
#include "proc_text.h"

#include <string.h>

/* A number in @base at *@text, which is advanced past it; skips blanks before it. False: none. */
static bool take_number(const char **text, u32 base, u64 *number)
{
	const char *at = *text;
	bool any = false;

	while (*at == ' ' || *at == '\t')
		at++;
	for (*number = 0;; at++, any = true) {
		u32 digit;

		if (*at >= '0' && *at <= '9')
			digit = (u32)(*at - '0');
		else if (base == 16 && *at >= 'a' && *at <= 'f')
			digit = (u32)(*at - 'a') + 10;
		else
			break;
		*number = *number * base + digit;
	}
	*text = at;
	return any;
}

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : line + strlen(line);
}

static bool begins_with(const char *text, const char *head)
{
	return !strncmp(text, head, strlen(head));
}

/* user nice system idle iowait irq softirq steal; guest times are part of user and nice. */
static bool take_times(const char *line, struct spw_cpu_times *times)
{
	u64 field[8], cpu;

	line += strlen("cpu");
	if (*line < '0' || *line > '9' || !take_number(&line, 10, &cpu))
		return false;
	times->cpu = (u32)cpu;
	times->total = 0;
	for (u32 i = 0; i < 8; i++) {
		if (!take_number(&line, 10, &field[i]))
			return false;
		times->total += field[i];
	}
	times->idle = field[3] + field[4];
	times->softirq = field[6];
	return true;
}

size_t spw_proc_stat(const char *text, struct spw_cpu_times *times, size_t max)
{
	size_t count = 0;

	for (; begins_with(text, "cpu") && count < max; text = next_line(text))
		count += strchr(text, '\n') && take_times(text, &times[count]);
	return count;
}

/* Hexadecimal columns: the second counts drops by a full backlog of the core, the thirteenth is the core. */
size_t spw_proc_softnet(const char *text, struct spw_cpu_drops *drops, size_t max)
{
	size_t count = 0;

	for (; *text && count < max; text = next_line(text)) {
		const char *at = text;
		u64 column[13];
		u32 columns = 0;

		while (columns < 13 && take_number(&at, 16, &column[columns]))
			columns++;
		if (columns < 2 || !strchr(text, '\n'))
			continue;
		drops[count] = (struct spw_cpu_drops){columns == 13 ? (u32)column[12] : (u32)count, column[1]};
		count++;
	}
	return count;
}

/* Two lines "TcpExt:", the names and the values. */
bool spw_proc_overflows(const char *text, u64 *overflows)
{
	static const char head[] = "TcpExt:", wanted[] = "ListenOverflows";
	const char *name, *value;

	while (*text && !begins_with(text, head))
		text = next_line(text);
	name = text + (*text ? strlen(head) : 0);
	value = next_line(text);
	if (!*text || !begins_with(value, head))
		return false;
	value += strlen(head);
	for (;;) {
		size_t length;

		name += *name == ' ';
		length = strcspn(name, " \n");
		if (!length || !take_number(&value, 10, overflows))
			return false;
		if (length == strlen(wanted) && !strncmp(name, wanted, length))
			return true;
		name += length;
	}
}

bool spw_proc_pressure(const char *text, u64 *total_us)
{
	const char *end, *total;

	while (*text && !begins_with(text, "some "))
		text = next_line(text);
	end = strchr(text, '\n');
	total = strstr(text, " total=");
	if (!end || !total || total > end)
		return false;
	total += strlen(" total=");
	return take_number(&total, 10, total_us);
}
