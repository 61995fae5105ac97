// SPDX-License-Identifier: GPL-2.0-only
/*
 * fail-nth: let one allocation after the other fail in what a system call does, until there is
 * none left.
 *
 *	fail-nth FIRST STEP DO UNDO [FILE|N:WORD:FILE...]
 *
 * DO and UNDO are one of
 *
 *	write:FILE:TEXT		as echo TEXT >FILE
 *	up:IFACE  down:IFACE	an interface
 *	send:IFACE		a CAN frame on it
 *	reset:NODE		of a USB device, by its /dev/bus/usb node
 *	none
 *
 * In round n, DO is called with its n-th allocation failing (/proc/thread-self/fail-nth; what
 * kinds of allocations count is set in debugfs). If that made it fail, it is called once more and
 * must succeed now; twice more if a request was not answered in time, or was stalled, which is
 * what the emulated adapter does with the next one then. After that every N:WORD:FILE has to have
 * N lines with WORD within 20 s. UNDO must succeed always. Then every FILE has to read 0 within
 * 20 s. The first round is FIRST, the next one STEP later, and the last is the one in which DO has
 * fewer than n.
 *
 * Says "sites=N failed=F", F being how many of the N made DO fail. If what DO is about does not
 * exist any more in round n, "gone=n failed=F" and exit status 3.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/can.h>
#include <linux/can/raw.h>
#include <linux/usbdevice_fs.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define SITES_MAX	5000
#define PATIENCE_MS	20000

/* One of DO and UNDO, ready to be called: nothing but the one system call is left to do. */
struct act {
	const char *text;
	int fd;
	int (*call)(const struct act *act);
	struct ifreq ifr;
	struct can_frame frame;
	char what[128];
	char path[256];
};

static int nth_fd;
static unsigned int round_no;
static char contents[4096];

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "round %u: ", round_no);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	exit(1);
}

static int call_none(const struct act *act)
{
	(void)act;
	return 0;
}

static int call_write(const struct act *act)
{
	return write(act->fd, act->what, strlen(act->what)) < 0 ? -errno : 0;
}

static int call_flags(const struct act *act)
{
	return ioctl(act->fd, SIOCSIFFLAGS, &act->ifr) ? -errno : 0;
}

static int call_send(const struct act *act)
{
	return write(act->fd, &act->frame, sizeof(act->frame)) < 0 ? -errno : 0;
}

static int call_reset(const struct act *act)
{
	return ioctl(act->fd, USBDEVFS_RESET, 0) ? -errno : 0;
}

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

static int can_socket(const char *iface)
{
	struct sockaddr_can addr = { .can_family = AF_CAN };
	int fd = socket(AF_CAN, SOCK_RAW | SOCK_CLOEXEC, CAN_RAW);

	addr.can_ifindex = if_nametoindex(iface);
	if (fd < 0 || !addr.can_ifindex)
		die("%s: %s", iface, strerror(errno));
	/* nobody reads what comes */
	if (setsockopt(fd, SOL_CAN_RAW, CAN_RAW_FILTER, NULL, 0) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("%s: %s", iface, strerror(errno));
	return fd;
}

static bool starts(struct act *act, const char *text, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(text, word, n))
		return false;
	act->text = text;
	snprintf(act->what, sizeof(act->what), "%s", text + n);
	return true;
}

static void prepare_flags(struct act *act, int up)
{
	act->fd = socket(AF_CAN, SOCK_RAW | SOCK_CLOEXEC, CAN_RAW);
	snprintf(act->ifr.ifr_name, IFNAMSIZ, "%.*s", IFNAMSIZ - 1, act->what);
	if (act->fd < 0 || ioctl(act->fd, SIOCGIFFLAGS, &act->ifr))
		die("%s: %s", act->what, strerror(errno));
	act->ifr.ifr_flags = up ? act->ifr.ifr_flags | IFF_UP : act->ifr.ifr_flags & ~IFF_UP;
	act->call = call_flags;
}

static void prepare_write(struct act *act)
{
	char *colon = strchr(act->text + strlen("write:"), ':');

	if (!colon)
		die("%s: no text", act->text);
	snprintf(act->path, sizeof(act->path), "%.*s",
		 (int)(colon - act->text - strlen("write:")), act->text + strlen("write:"));
	snprintf(act->what, sizeof(act->what), "%s", colon + 1);
	act->fd = open_or_die(act->path, O_WRONLY);
	act->call = call_write;
}

static void prepare(struct act *act, const char *text)
{
	memset(act, 0, sizeof(*act));
	act->fd = -1;
	if (starts(act, text, "write:")) {
		prepare_write(act);
	} else if (starts(act, text, "up:")) {
		prepare_flags(act, 1);
	} else if (starts(act, text, "down:")) {
		prepare_flags(act, 0);
	} else if (starts(act, text, "send:")) {
		act->fd = can_socket(act->what);
		act->frame.can_id = 0x123;
		act->frame.can_dlc = 8;
		act->call = call_send;
	} else if (starts(act, text, "reset:")) {
		act->fd = open_or_die(act->what, O_RDWR);
		act->call = call_reset;
	} else if (starts(act, text, "none")) {
		act->call = call_none;
	} else {
		die("what is '%s'?", text);
	}
}

static void arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(nth_fd, text, len, 0) != len)
		die("fail-nth: %s", strerror(errno));
}

/* What was left to count; 0: one failed */
static unsigned int disarm(void)
{
	char text[16] = "";
	unsigned int left;

	if (pread(nth_fd, text, sizeof(text) - 1, 0) < 1)
		die("fail-nth: %s", strerror(errno));
	left = atoi(text);
	arm(0);
	return left;
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void wait_for(bool (*done)(const char *what), const char *what)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	long long end = now_ms() + PATIENCE_MS;

	while (!done(what)) {
		if (now_ms() > end)
			die("%s is %s", what, contents);
		nanosleep(&pause, NULL);
	}
}

static void read_all(const char *path)
{
	int fd = open_or_die(path, O_RDONLY);
	ssize_t n;

	n = read(fd, contents, sizeof(contents) - 1);
	if (n < 0)
		die("%s: %s", path, strerror(errno));
	contents[n] = 0;
	close(fd);
}

static bool is_zero(const char *path)
{
	read_all(path);
	return !strtoul(contents, NULL, 0);
}

/* N:WORD:FILE? */
static bool is_lines(const char *what)
{
	return what[0] != '/';
}

static bool has_lines(const char *what)
{
	unsigned long n = strtoul(what, NULL, 10);
	const char *word, *path, *p;
	size_t len;

	word = strchr(what, ':');
	path = word ? strchr(word + 1, ':') : NULL;
	if (!path)
		die("what is '%s'?", what);
	len = path - ++word;
	read_all(path + 1);
	for (p = strtok(contents, "\n"); p; p = strtok(NULL, "\n"))
		n -= !!memmem(p, strlen(p), word, len);
	return !n;
}

static void must(const struct act *act)
{
	int err = act->call(act);

	if (err)
		die("%s: %s", act->text, strerror(-err));
}

int main(int argc, char **argv)
{
	unsigned int step, left, failed = 0;
	struct act act, undo;
	int err, i;

	if (argc < 5) {
		fprintf(stderr, "usage: fail-nth FIRST STEP DO UNDO [FILE|N:WORD:FILE...]\n");
		return 2;
	}
	round_no = atoi(argv[1]);
	step = atoi(argv[2]);
	prepare(&act, argv[3]);
	prepare(&undo, argv[4]);
	nth_fd = open_or_die("/proc/thread-self/fail-nth", O_RDWR);
	/* a page fault allocates, too */
	if (!round_no || !step || mlockall(MCL_CURRENT | MCL_FUTURE))
		die("%s", strerror(errno));

	for (; round_no < SITES_MAX; round_no += step) {
		arm(round_no);
		err = act.call(&act);
		left = disarm();
		if (left && err)
			die("%s: %s, and no allocation failed", act.text, strerror(-err));
		if (err) {
			failed++;
			err = act.call(&act);
			for (i = 0; i < 2 && (err == -ETIMEDOUT || err == -EPIPE); i++)
				err = act.call(&act);
			if (err == -ENODEV) {
				printf("gone=%u failed=%u\n", round_no, failed);
				return 3;
			}
			if (err)
				die("%s again: %s", act.text, strerror(-err));
		}
		for (i = 5; i < argc; i++)
			if (is_lines(argv[i]))
				wait_for(has_lines, argv[i]);
		must(&undo);
		for (i = 5; i < argc; i++)
			if (!is_lines(argv[i]))
				wait_for(is_zero, argv[i]);
		if (left) {
			printf("sites=%u failed=%u\n", round_no - left, failed);
			return 0;
		}
	}
	die("no end of it");
}
