// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb-reset: reset the USB device behind a /dev/bus/usb node, as usbreset(1) does. Drivers
 * with pre_reset and post_reset stay bound over it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/usbdevice_fs.h>

int main(int argc, char **argv)
{
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: usb-reset /dev/bus/usb/BBB/DDD\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	if (ioctl(fd, USBDEVFS_RESET, 0)) {
		perror("USBDEVFS_RESET");
		return 1;
	}
	return close(fd);
}
