// SPDX-License-Identifier: GPL-2.0-only
/*
 * gs-usb-emu: options, and off it goes.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

static const char usage[] =
	"usage: gs-usb-emu --transport vhci|gadget|redir:SOCK[,SOCK...] --ctl SOCK [--log FILE]\n"
	"       gs-usb-emu --list\n";

static void list(void)
{
	unsigned int i;

	for (i = 0; i < personality_count; i++)
		printf("%-16s %04x:%04x\n", personalities[i].name, personalities[i].vid,
		       personalities[i].pid);
}

static void on_signal(int sig)
{
	(void)sig;
	loop_stop(0);
}

static int die(const char *what, int err)
{
	fprintf(stderr, "gs-usb-emu: %s: %s\n", what, strerror(-err));
	return 1;
}

static int set_transport(const char *name)
{
	if (!strcmp(name, "vhci")) {
		transport = &usbip_transport;
		/* the kernel is this one, so it may have raw-gadget */
		other_transport = &gadget_transport;
		return 0;
	}
	if (!strcmp(name, "gadget")) {
		transport = &gadget_transport;
		return 0;
	}
	if (strncmp(name, "redir:", 6))
		return -EINVAL;
	transport = &usbredir_transport;
	return usbredir_listen(name + 6);
}

static void unplug_all(void)
{
	struct device *dev;

	while ((dev = TAILQ_FIRST(&devices)))
		device_destroy(dev);
	bus_free_all();
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "transport", required_argument, NULL, 't' },
		{ "ctl", required_argument, NULL, 'c' },
		{ "log", required_argument, NULL, 'l' },
		{ "list", no_argument, NULL, 'L' },
		{ NULL, 0, NULL, 0 },
	};
	const char *ctl = NULL, *log = NULL, *name = NULL;
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 't':
			name = optarg;
			break;
		case 'c':
			ctl = optarg;
			break;
		case 'l':
			log = optarg;
			break;
		case 'L':
			list();
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (!ctl || !name || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (log && emu_log_open(log))
		return die(log, -errno);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	ret = loop_init();
	if (ret)
		return die("epoll", ret);
	ret = set_transport(name);
	if (ret)
		return die(name, ret);
	ret = ctl_listen(ctl);
	if (ret)
		return die(ctl, ret);
	ret = loop_run();
	unplug_all();
	return ret;
}
