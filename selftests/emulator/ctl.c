// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command socket: several clients, each with its own line buffer.
 */
#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct client {
	TAILQ_ENTRY(client) link;
	struct watch watch;
	struct work step;
	struct timer deadline;
	struct wait wait;
	struct buf out;
	char in[8192];
	size_t have;
};

static TAILQ_HEAD(, client) clients = TAILQ_HEAD_INITIALIZER(clients);
static struct watch listener;

static void client_free(struct client *c)
{
	loop_unwatch(&c->watch);
	loop_undefer(&c->step);
	timer_cancel(&c->deadline);
	close(c->watch.fd);
	buf_free(&c->out);
	TAILQ_REMOVE(&clients, c, link);
	loop_free(c);
}

static void answer(struct client *c, const char *error)
{
	if (error)
		buf_printf(&c->out, "err %s\n", error);
	else
		buf_printf(&c->out, "ok\n");
}

/* Takes the next line, if there is one. */
static bool next_line(struct client *c, char *line)
{
	char *end = memchr(c->in, '\n', c->have);
	size_t n;

	if (!end) {
		/* a line without end is no command */
		if (c->have == sizeof(c->in))
			c->have = 0;
		return false;
	}
	n = end - c->in;
	memcpy(line, c->in, n);
	line[n] = 0;
	c->have -= n + 1;
	memmove(c->in, end + 1, c->have);
	if (n && line[n - 1] == '\r')
		line[n - 1] = 0;
	return true;
}

static void client_wait(struct client *c)
{
	if (cmd_wait_done(&c->wait)) {
		answer(c, NULL);
	} else if (now_ns() >= c->wait.deadline) {
		answer(c, "timeout");
	} else {
		timer_set(&c->deadline, cmd_wait_again(&c->wait));
		return;
	}
	timer_cancel(&c->deadline);
	c->wait.on = false;
}

/* Goes on with a client: wait, commands, output. */
static void client_step(struct work *w)
{
	struct client *c = container_of(w, struct client, step);
	char line[sizeof(c->in)];
	const char *error;
	int ret;

	for (;;) {
		if (c->wait.on)
			client_wait(c);
		if (c->wait.on || !next_line(c, line))
			break;
		if (!line[strspn(line, " \t")])
			continue;
		error = cmd_run(line, &c->out, &c->wait);
		if (!c->wait.on)
			answer(c, error);
	}
	ret = buf_write(&c->out, c->watch.fd);
	if (ret && ret != -EAGAIN)
		client_free(c);
	else
		loop_watch(&c->watch, EPOLLIN | (ret ? EPOLLOUT : 0));
}

/* Something happened that a client may wait for. */
void ctl_event(void)
{
	struct client *c;

	TAILQ_FOREACH(c, &clients, link)
		if (c->wait.on)
			loop_defer(&c->step);
}

static void client_deadline(struct timer *t)
{
	loop_defer(&container_of(t, struct client, deadline)->step);
}

static void client_event(struct watch *w, __u32 events)
{
	struct client *c = container_of(w, struct client, watch);
	ssize_t n;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		n = read(w->fd, c->in + c->have, sizeof(c->in) - c->have);
		if (!n || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			client_free(c);
			return;
		}
		if (n > 0)
			c->have += n;
	}
	loop_defer(&c->step);
}

static void listen_event(struct watch *w, __u32 events)
{
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *c;

	(void)events;
	if (fd < 0)
		return;
	c = xzalloc(sizeof(*c));
	c->watch.fd = fd;
	c->watch.fn = client_event;
	c->step.fn = client_step;
	c->deadline.fn = client_deadline;
	TAILQ_INSERT_TAIL(&clients, c, link);
	loop_watch(&c->watch, EPOLLIN);
}

int ctl_listen(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	unlink(path);
	listener.fn = listen_event;
	listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener.fd < 0 || bind(listener.fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(listener.fd, 8))
		return -errno;
	return loop_watch(&listener, EPOLLIN);
}
