// SPDX-License-Identifier: GPL-2.0-only
/*
 * canload: the guest's program whose work the plugin counts. Frames go through raw CAN
 * sockets between two marks; what prepares and cleans up lies outside.
 *
 *	canload tx IFACE[,IFACE...] COUNT cl|fd [DEPTH]
 *		sendmmsg() of 32 frames at a time, on one interface after the other; ends when
 *		the last frame of each interface is echoed. Nobody reads the others. With DEPTH
 *		that many on each interface, the next when they are echoed; COUNT is a multiple
 *		of what that makes.
 *	canload rx BUS[,BUS...] COUNT cl|fd
 *		the emulated adapter sends as fast as it is polled, in bursts of RX_BURST frames on
 *		all buses; the next one follows when the last frame of each bus is there, and
 *		nobody reads the others. COUNT is a multiple of RX_BURST. Needs GS_EMU_CTL.
 *	canload read BUS[,BUS...] COUNT cl|fd
 *		bursts of READ_BURST frames, each of which is read before the next one
 *	canload idle MILLISECONDS
 *		sleeps, to see what the machine does by itself
 *
 * Prints "frames=N lost=N us=N".
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/can.h>
#include <linux/can/raw.h>
#include <linux/types.h>

#include "mark.h"

#define BATCH		32
/* Less than the 1024 that can-dev's rx-offload queues before it drops */
#define RX_BURST	384
#define READ_BURST	128
#define MAX_IFACES	16
#define RCVBUF		(256 << 20)
#define TIMEOUT_S	5
#define ID_FRAME	0x123
#define ID_END		0x7ff

static const char data_hex[] = "1122334455667788";

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("canload: ", stderr);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (errno)
		fprintf(stderr, ": %s", strerror(errno));
	fputc('\n', stderr);
	exit(1);
}

/* mark.h: one instruction each, which exists here only */
static void mark_start(void)
{
	asm volatile("movabs %0, %%rax" : : "i"(GS_MARK_START) : "rax", "memory");
}

static void mark_stop(void)
{
	asm volatile("movabs %0, %%rax" : : "i"(GS_MARK_STOP) : "rax", "memory");
}

static __u64 now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

static int can_socket(int ifindex, canid_t id, canid_t mask)
{
	struct sockaddr_can addr = { .can_family = AF_CAN, .can_ifindex = ifindex };
	struct can_filter filter = { .can_id = id, .can_mask = mask };
	struct timeval timeout = { .tv_sec = TIMEOUT_S };
	int fd = socket(PF_CAN, SOCK_RAW | SOCK_CLOEXEC, CAN_RAW);
	int size = RCVBUF, on = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_CAN_RAW, CAN_RAW_FD_FRAMES, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_CAN_RAW, CAN_RAW_FILTER, &filter, mask ? sizeof(filter) : 0) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("CAN socket");
	return fd;
}

/* Take a list apart; returns how many words there are */
static int split(char *list, char **word)
{
	char *w;
	int n = 0;

	for (w = strtok(list, ","); w; w = strtok(NULL, ",")) {
		if (n == MAX_IFACES)
			die("more than %d: %s", MAX_IFACES, w);
		word[n++] = w;
	}
	if (!n)
		die("empty list");
	return n;
}

/* Wait for the last frame of @n interfaces; returns how many came */
static int await_end(int fd, int n)
{
	struct canfd_frame frame;
	int i;

	for (i = 0; i < n; i++)
		if (recv(fd, &frame, sizeof(frame), 0) < 0)
			break;
	return i;
}

/* Frames with id @id that are in the socket now */
static unsigned int drain(int fd, canid_t id)
{
	struct canfd_frame frame;
	unsigned int n = 0;

	while (recv(fd, &frame, sizeof(frame), MSG_DONTWAIT) > 0)
		n += frame.can_id == id;
	return n;
}

static void send_batch(int fd, struct mmsghdr *msgs, unsigned int n)
{
	int sent;

	while (n) {
		sent = sendmmsg(fd, msgs, n, 0);
		if (sent < 0)
			die("sendmmsg");
		msgs += sent;
		n -= sent;
	}
}

/* What the interfaces say that they have sent */
static __u64 sent_frames(char **iface, int n)
{
	__u64 value, sum = 0;
	char path[128];
	FILE *f;
	int i;

	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/tx_packets", iface[i]);
		f = fopen(path, "r");
		if (!f || fscanf(f, "%llu", &value) != 1)
			die("%s", path);
		fclose(f);
		sum += value;
	}
	return sum;
}

/* Batches of @depth frames, or, without, of BATCH that don't wait for each other. The last of
 * each interface, or of each batch, has the id that is waited for.
 */
static void send_all(const int *out, int n_ifaces, int end, unsigned int count,
		     struct mmsghdr *msgs, struct mmsghdr *last, unsigned int depth)
{
	unsigned int left, n;
	int i, turn = 0;

	if (depth) {
		for (left = count; left >= n_ifaces * depth; left -= n_ifaces * depth) {
			for (i = 0; i < n_ifaces; i++) {
				send_batch(out[i], msgs, depth - 1);
				send_batch(out[i], last, 1);
			}
			await_end(end, n_ifaces);
		}
		return;
	}

	for (left = count - n_ifaces; left; left -= n) {
		n = left < BATCH ? left : BATCH;
		send_batch(out[turn++ % n_ifaces], msgs, n);
	}
	for (i = 0; i < n_ifaces; i++)
		send_batch(out[i], last, 1);
	await_end(end, n_ifaces);
}

static void tx(char *list, unsigned int count, bool fd_frames, unsigned int depth)
{
	struct canfd_frame frame = {
		.can_id = ID_FRAME, .len = fd_frames ? CANFD_MAX_DLEN : CAN_MAX_DLEN,
		.flags = fd_frames ? CANFD_FDF | CANFD_BRS : 0,
	};
	struct iovec iov = {
		.iov_base = &frame, .iov_len = fd_frames ? CANFD_MTU : CAN_MTU,
	};
	struct canfd_frame last_frame;
	struct iovec last_iov = { .iov_base = &last_frame, .iov_len = iov.iov_len };
	struct mmsghdr msgs[BATCH] = { }, last = { };
	int i, n_ifaces, end, out[MAX_IFACES];
	char *iface[MAX_IFACES];
	__u64 start, before;
	unsigned int got;

	memset(frame.data, 0x55, frame.len);
	last_frame = frame;
	last_frame.can_id = ID_END;
	for (i = 0; i < BATCH; i++)
		msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
	last.msg_hdr = (struct msghdr){ .msg_iov = &last_iov, .msg_iovlen = 1 };
	n_ifaces = split(list, iface);
	for (i = 0; i < n_ifaces; i++) {
		out[i] = if_nametoindex(iface[i]);
		if (!out[i])
			die("%s", iface[i]);
		out[i] = can_socket(out[i], 0, 0);
	}
	end = can_socket(0, ID_END, CAN_SFF_MASK);
	before = sent_frames(iface, n_ifaces);

	start = now_us();
	mark_start();
	send_all(out, n_ifaces, end, count, msgs, &last, depth);
	mark_stop();
	start = now_us() - start;
	got = sent_frames(iface, n_ifaces) - before;
	printf("frames=%u lost=%u us=%llu\n", got, count - got, start);
}

/* Each command of @text is answered by a line that says ok */
static void tell_emulator(int fd, const char *text, int commands)
{
	char reply[1024] = "", *at = reply;
	size_t have = 0;
	ssize_t n;

	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("emulator");
	while (commands) {
		n = read(fd, reply + have, sizeof(reply) - 1 - have);
		if (n <= 0 || strstr(reply, "err"))
			die("the emulator says '%s' to '%s'", reply, text);
		have += n;
		while (commands && strstr(at, "ok\n")) {
			at = strstr(at, "ok\n") + 3;
			commands--;
		}
	}
}

static void rx(char *list, unsigned int count, bool fd_frames, bool do_read)
{
	const char *port = getenv("GS_EMU_CTL");
	const char *kind = fd_frames ? "##1" : "#";
	char hex[2 * CANFD_MAX_DLEN + 1] = "", *command = NULL, *bus[MAX_IFACES];
	int i, in, end, emulator, n_buses = split(list, bus);
	unsigned int burst = do_read ? READ_BURST : RX_BURST;
	unsigned int left, got = 0;
	__u64 start;
	size_t len = 0;
	FILE *f;

	if (!port)
		die("GS_EMU_CTL is not set");
	emulator = open(port, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (emulator < 0)
		die("%s", port);
	for (i = 0; i < (fd_frames ? 8 : 1); i++)
		strcat(hex, data_hex);
	f = open_memstream(&command, &len);
	if (!f)
		die("no memory");
	for (i = 0; i < n_buses; i++) {
		fprintf(f, "send bus=%s frame=%03X%s%s count=%u\n", bus[i], ID_FRAME, kind, hex,
			burst / n_buses - 1);
		fprintf(f, "send bus=%s frame=%03X%s%s\n", bus[i], ID_END, kind, hex);
	}
	fclose(f);
	in = can_socket(0, ID_FRAME, CAN_SFF_MASK);
	end = can_socket(0, ID_END, CAN_SFF_MASK);

	start = now_us();
	mark_start();
	for (left = count; left >= burst; left -= burst) {
		tell_emulator(emulator, command, 2 * n_buses);
		got += await_end(end, n_buses);
		if (do_read)
			got += drain(in, ID_FRAME);
	}
	mark_stop();
	start = now_us() - start;
	got += drain(in, ID_FRAME);
	printf("frames=%u lost=%u us=%llu\n", got, count - got, start);
	free(command);
}

static void idle(unsigned int ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000l };
	__u64 start = now_us();

	mark_start();
	nanosleep(&pause, NULL);
	mark_stop();
	printf("frames=0 lost=0 us=%llu\n", now_us() - start);
}

static bool is_fd(const char *word)
{
	errno = 0;
	if (strcmp(word, "cl") && strcmp(word, "fd"))
		die("neither cl nor fd: %s", word);
	return *word == 'f';
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if ((argc == 5 || argc == 6) && !strcmp(what, "tx"))
		tx(argv[2], atoi(argv[3]), is_fd(argv[4]), argc == 6 ? atoi(argv[5]) : 0);
	else if (argc == 5 && !strcmp(what, "rx"))
		rx(argv[2], atoi(argv[3]), is_fd(argv[4]), false);
	else if (argc == 5 && !strcmp(what, "read"))
		rx(argv[2], atoi(argv[3]), is_fd(argv[4]), true);
	else if (argc == 3 && !strcmp(what, "idle"))
		idle(atoi(argv[2]));
	else
		die("usage: canload tx|rx|read|idle ..., see the source");
	return 0;
}
