// SPDX-License-Identifier: GPL-2.0-only
/*
 * unread: a CAN socket that nobody reads until it is told to.
 *
 *	unread IFACE RCVBUF
 *
 * Says "ready". For each line on stdin, "show" or "count", it reads what the socket has, with
 * "show" each frame as candump -L would print it, and then says how many they were and how many
 * the socket has had no room for. Frames remain when the interface goes, and are read all the
 * same.
 */
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/can.h>
#include <linux/can/raw.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int open_can(const char *name, int rcvbuf)
{
	struct sockaddr_can addr = {
		.can_family = AF_CAN,
		.can_ifindex = if_nametoindex(name),
	};
	int fd = socket(AF_CAN, SOCK_RAW | SOCK_CLOEXEC, CAN_RAW);
	const int on = 1;

	if (fd < 0 || !addr.can_ifindex)
		die(name);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_CAN_RAW, CAN_RAW_FD_FRAMES, &on, sizeof(on)))
		die("setsockopt");
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("bind");
	return fd;
}

static void show(const struct canfd_frame *f, bool fd_frame)
{
	int i;

	if (f->can_id & CAN_EFF_FLAG)
		printf("%08X#", f->can_id & CAN_EFF_MASK);
	else
		printf("%03X#", f->can_id & CAN_SFF_MASK);
	if (fd_frame)
		printf("#%X", f->flags & ~CANFD_FDF);
	if (f->can_id & CAN_RTR_FLAG)
		printf(f->len ? "R%u" : "R", f->len);
	else
		for (i = 0; i < f->len; i++)
			printf("%02X", f->data[i]);
	printf("\n");
}

/* Nothing but zeros may follow the data: the rest would be somebody else's memory */
static bool clean(const struct canfd_frame *f, bool fd_frame)
{
	int i = f->can_id & CAN_RTR_FLAG ? 0 : f->len;

	for (; i < (fd_frame ? CANFD_MAX_DLEN : CAN_MAX_DLEN); i++)
		if (f->data[i])
			return false;
	return true;
}

static void drain(int fd, bool loud)
{
	static unsigned int dropped;
	char control[CMSG_SPACE(sizeof(dropped))];
	struct canfd_frame f;
	struct iovec iov = { .iov_base = &f, .iov_len = sizeof(f) };
	struct cmsghdr *c;
	struct msghdr m;
	unsigned int n = 0, dirty = 0;
	ssize_t len;

	for (;;) {
		m = (struct msghdr){
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof(control),
		};
		len = recvmsg(fd, &m, MSG_DONTWAIT);
		if (len < 0 && (errno == ENETDOWN || errno == ENODEV))
			continue;
		if (len < 0)
			break;
		for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
			if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
				memcpy(&dropped, CMSG_DATA(c), sizeof(dropped));
		if (!clean(&f, len == CANFD_MTU))
			dirty++;
		if (loud)
			show(&f, len == CANFD_MTU);
		n++;
	}
	if (errno != EAGAIN)
		die("recvmsg");
	printf("frames=%u dropped=%u dirty=%u\n", n, dropped, dirty);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[16];
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: unread IFACE RCVBUF\n");
		return 2;
	}
	fd = open_can(argv[1], atoi(argv[2]));
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		drain(fd, !strcmp(line, "show\n"));
	return 0;
}
