// SPDX-License-Identifier: GPL-2.0-only
/*
 * stamp-all: have the kernel stamp every packet it receives, as long as this runs. Sockets
 * that want SO_TIMESTAMP come and go with every candump, and on x86 the first and the last
 * of them make the kernel patch its own code (netstamp_needed_key).
 */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on))) {
		perror("stamp-all");
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	for (;;)
		pause();
}
