// SPDX-License-Identifier: GPL-2.0-only
/*
 * gs-emu-ctl: sends a command to gs-usb-emu, prints what comes back, and
 * exits with 0 for "ok". Several commands are separated by "--"; the first
 * that fails is the last. Talks to the command socket, or from inside a QEMU
 * guest to the serial port that is connected to it. With -i FILE the commands
 * come from standard input, a line each; what comes back is in FILE as soon as
 * "ok", or "err" and why, has been printed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define OPEN_TRIES	500
#define OPEN_PAUSE_NS	10000000
#define LINE_SIZE	65536
#define REPLY_MS	150000

static int die(const char *what)
{
	fprintf(stderr, "gs-emu-ctl: %s: %s\n", what, strerror(errno));
	return -1;
}

static int open_socket(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return die(path);
	return fd;
}

/* A port can be open once only: another client may have it just now. */
static int open_port(const char *path)
{
	const struct timespec pause = { .tv_nsec = OPEN_PAUSE_NS };
	int fd, i;

	for (i = 0; i < OPEN_TRIES; i++) {
		fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (fd >= 0 || errno != EBUSY)
			break;
		nanosleep(&pause, NULL);
	}
	return fd < 0 ? die(path) : fd;
}

static int open_target(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return die(path);
	return S_ISSOCK(st.st_mode) ? open_socket(path) : open_port(path);
}

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/* What an earlier client did not wait for. */
static void drain(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096];

	while (poll(&p, 1, 0) == 1 && p.revents & POLLIN)
		if (read(fd, buf, sizeof(buf)) <= 0)
			return;
}

static int send_all(int fd, const char *s, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, s, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return die("write");
		s += n;
		len -= n;
	}
	return 0;
}

/* Prints lines until the verdict. Returns 0, 1 for an error, of which line is, or -1. */
static int copy_reply(int fd, FILE *out, char *line, size_t size)
{
	size_t have = 0;
	char *end;
	ssize_t n;

	while (readable(fd, REPLY_MS)) {
		n = read(fd, line + have, size - 1 - have);
		if (n <= 0)
			break;
		have += n;
		while ((end = memchr(line, '\n', have))) {
			*end++ = 0;
			if (!strcmp(line, "ok"))
				return 0;
			if (!strncmp(line, "err", 3))
				return 1;
			fprintf(out, "%s\n", *line == ' ' ? line + 1 : line);
			have -= end - line;
			memmove(line, end, have);
		}
	}
	fputs("gs-emu-ctl: no answer\n", stderr);
	return -1;
}

static int print_reply(int fd)
{
	static char line[LINE_SIZE];
	int ret = copy_reply(fd, stdout, line, sizeof(line));

	if (ret > 0)
		fprintf(stderr, "gs-emu-ctl: %s\n", line);
	return ret ? 1 : 0;
}

/* Sends words up to the next "--" as one line; where that was. */
static int send_words(int fd, char **argv, int i, int argc)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int ret;

	if (!f)
		return die("memory");
	for (; i < argc && strcmp(argv[i], "--"); i++)
		fprintf(f, "%s ", argv[i]);
	fputc('\n', f);
	fclose(f);
	ret = send_all(fd, text, len);
	free(text);
	return ret ? ret : i;
}

/* Until standard input ends, or the emulator has gone. */
static int serve(int fd, const char *path)
{
	static char command[LINE_SIZE], line[LINE_SIZE];
	FILE *out;
	int ret;

	while (fgets(command, sizeof(command), stdin)) {
		out = fopen(path, "w");
		if (!out)
			return 2;
		ret = send_all(fd, command, strlen(command));
		if (!ret)
			ret = copy_reply(fd, out, line, sizeof(line));
		if (fclose(out) || ret < 0)
			return 2;
		puts(ret ? line : "ok");
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *path = getenv("GS_EMU_CTL");
	const char *file = NULL;
	int opt, i, fd, ret;

	while ((opt = getopt(argc, argv, "+i:s:d:")) != -1) {
		if (opt == '?')
			return 2;
		if (opt == 'i')
			file = optarg;
		else
			path = optarg;
	}
	if (!path || (file ? optind < argc : optind == argc)) {
		fputs("usage: gs-emu-ctl [-s SOCKET | -d DEVICE] -i FILE\n"
		      "       gs-emu-ctl [-s SOCKET | -d DEVICE] COMMAND [WORD...] [-- ...]\n",
		      stderr);
		return 2;
	}
	fd = open_target(path);
	if (fd < 0)
		return 2;
	drain(fd);
	if (file)
		return serve(fd, file);
	for (i = optind; i < argc; i++) {
		i = send_words(fd, argv, i, argc);
		ret = i < 0 ? 2 : print_reply(fd);
		if (ret)
			return ret;
	}
	return 0;
}
