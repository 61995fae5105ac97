// SPDX-License-Identifier: GPL-2.0-only
/*
 * packet: raw access to a CAN interface through a packet socket, past everything that
 * the CAN sockets check. "send" forges a frame of any length under any protocol number;
 * "recv" prints frames as they are in memory, so that fields which candump leaves out
 * (len8_dlc, padding) can be compared.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <linux/if_ether.h>

#define MAX_LEN		4096

static int show_usage(void)
{
	fprintf(stderr, "usage: packet send IFACE PROTOCOL HEX [COUNT]\n"
			"       packet recv IFACE COUNT TIMEOUT_MS\n");
	return 2;
}

static int complain(const char *what)
{
	perror(what);
	return 1;
}

static int open_packet(const char *name, unsigned short protocol)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || !addr.sll_ifindex)
		return -1;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -1;
	return fd;
}

static int send_frames(const char *name, unsigned short protocol, const char *hex, long count)
{
	unsigned char data[MAX_LEN];
	size_t len = 0;
	unsigned int byte;
	int fd = open_packet(name, protocol);

	if (fd < 0)
		return complain(name);
	for (; *hex; hex += 2) {
		if (len == sizeof(data) || sscanf(hex, "%2x", &byte) != 1)
			return show_usage();
		data[len++] = byte;
	}
	while (count--)
		if (send(fd, data, len, 0) != (ssize_t)len)
			return complain("send");
	return close(fd);
}

/* Each line: packet type as in linux/if_packet.h, protocol, frame. */
static int recv_frames(const char *name, long count, int timeout_ms)
{
	struct sockaddr_ll from;
	unsigned char data[MAX_LEN];
	socklen_t from_len;
	struct pollfd p;
	ssize_t len, i;

	p.fd = open_packet(name, ETH_P_ALL);
	p.events = POLLIN;
	if (p.fd < 0)
		return complain(name);
	printf("ready\n");
	fflush(stdout);
	while (count--) {
		if (poll(&p, 1, timeout_ms) != 1)
			return 1;
		from_len = sizeof(from);
		len = recvfrom(p.fd, data, sizeof(data), 0, (struct sockaddr *)&from, &from_len);
		if (len < 0)
			return complain("recv");
		printf("%d %04x ", from.sll_pkttype, ntohs(from.sll_protocol));
		for (i = 0; i < len; i++)
			printf("%02x", data[i]);
		printf("\n");
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 5 && argc <= 6 && !strcmp(argv[1], "send"))
		return send_frames(argv[2], strtoul(argv[3], NULL, 0), argv[4],
				   argc == 6 ? atol(argv[5]) : 1);
	if (argc == 5 && !strcmp(argv[1], "recv"))
		return recv_frames(argv[2], atol(argv[3]), atoi(argv[4]));
	return show_usage();
}
