// SPDX-License-Identifier: GPL-2.0-only
/*
 * The notation of can-utils: "123#1122", "12345678#R", "123##3112233",
 * "123#1122334455667788_F", and the log line "(1.000002) can0 123#1122".
 */
#include "canmsg.h"
#include "loop.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int parse_id(const char **text, __u32 *id)
{
	const char *p = *text;
	unsigned int n;

	*id = 0;
	for (n = 0; hex(p[n]) >= 0 && n < 9; n++)
		*id = *id << 4 | hex(p[n]);
	if (n != 3 && n != 8)
		return -EINVAL;
	if (n == 3 && *id > CAN_SFF_MASK)
		return -EINVAL;
	if (n == 8 && !(*id & CAN_ERR_FLAG))
		*id = (*id & CAN_EFF_MASK) | CAN_EFF_FLAG;
	*text = p + n;
	return 0;
}

/* Returns the number of bytes, which may be separated by dots. */
static int parse_data(const char **text, __u8 *data, int max)
{
	const char *p = *text;
	int n = 0;

	while (hex(p[0]) >= 0 && hex(p[1]) >= 0) {
		if (n == max)
			return -EINVAL;
		data[n++] = hex(p[0]) << 4 | hex(p[1]);
		p += 2;
		if (*p == '.')
			p++;
	}
	*text = p;
	return n;
}

static int parse_fd(const char *p, struct can_msg *m)
{
	int flags = hex(*p), n;

	if (flags < 0)
		return -EINVAL;
	p++;
	n = parse_data(&p, m->data, 64);
	if (n < 0 || (*p && !isspace((unsigned char)*p)))
		return -EINVAL;
	m->flags = MSG_FD | (flags & CANFD_BRS ? MSG_BRS : 0) |
		   (flags & CANFD_ESI ? MSG_ESI : 0);
	while ((int)msg_len(m) < n)
		m->dlc++;
	return 0;
}

int msg_parse(const char *text, struct can_msg *m)
{
	const char *p = text;
	int n;

	memset(m, 0, sizeof(*m));
	if (parse_id(&p, &m->id) || *p++ != '#')
		return -EINVAL;
	if (*p == '#')
		return parse_fd(p + 1, m);
	if (*p == 'R' || *p == 'r') {
		m->id |= CAN_RTR_FLAG;
		n = hex(*++p);
		if (n > 8)
			return -EINVAL;
		if (n >= 0)
			p++;
	} else {
		n = parse_data(&p, m->data, 8);
		if (n < 0)
			return n;
	}
	m->dlc = n > 0 ? n : 0;
	if (*p == '_' && n == 8 && hex(p[1]) > 8) {
		m->dlc = hex(p[1]);
		p += 2;
	}
	return *p && !isspace((unsigned char)*p) ? -EINVAL : 0;
}

void msg_format(const struct can_msg *m, char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned int i, n = msg_len(m);
	char *p = text;

	if (m->id & (CAN_EFF_FLAG | CAN_ERR_FLAG))
		p += sprintf(p, "%08X#", m->id & (CAN_EFF_MASK | CAN_ERR_FLAG));
	else
		p += sprintf(p, "%03X#", m->id & CAN_SFF_MASK);
	if (m->flags & MSG_FD) {
		*p++ = '#';
		*p++ = digits[(m->flags & MSG_BRS ? CANFD_BRS : 0) |
			      (m->flags & MSG_ESI ? CANFD_ESI : 0)];
	} else if (m->id & CAN_RTR_FLAG) {
		*p++ = 'R';
		if (m->dlc)
			*p++ = digits[m->dlc > 8 ? 8 : m->dlc];
	}
	for (i = 0; i < n; i++) {
		*p++ = digits[m->data[i] >> 4];
		*p++ = digits[m->data[i] & 15];
	}
	if (!(m->flags & MSG_FD) && m->dlc > 8) {
		*p++ = '_';
		*p++ = digits[m->dlc & 15];
	}
	*p = 0;
}

int log_parse(const char *line, __u64 *time, struct can_msg *m)
{
	char *end;
	__u64 ns = 0, unit = NSEC_PER_SEC / 10;

	if (*line++ != '(')
		return -EINVAL;
	*time = strtoull(line, &end, 10) * NSEC_PER_SEC;
	if (*end == '.')
		for (end++; isdigit((unsigned char)*end); end++, unit /= 10)
			ns += (*end - '0') * unit;
	if (*end++ != ')')
		return -EINVAL;
	*time += ns;
	end += strspn(end, " ");
	end += strcspn(end, " ");
	end += strspn(end, " ");
	return msg_parse(end, m);
}

void log_write(FILE *f, __u64 time, const char *name, const struct can_msg *m)
{
	char text[MSG_TEXT];

	msg_format(m, text);
	fprintf(f, "(%010llu.%06llu) %s %s\n", time / NSEC_PER_SEC,
		time % NSEC_PER_SEC / NSEC_PER_USEC, name, text);
}
