// SPDX-License-Identifier: GPL-2.0-only
/*
 * claim: what a user-space gs_usb program does with an adapter that no kernel driver is
 * bound to: claim interface 0, ask for DEVICE_CONFIG, release it. Says on stdout what
 * the device answered; anything that is busy or still claimed is an error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libusb-1.0/libusb.h>

#define REQ_DEVICE_CONFIG	5
#define REQ_IN			(LIBUSB_ENDPOINT_IN | LIBUSB_REQUEST_TYPE_VENDOR | \
				 LIBUSB_RECIPIENT_INTERFACE)
#define TIMEOUT_MS		10000

static int complain(const char *what, int err)
{
	fprintf(stderr, "claim: %s: %s\n", what, libusb_error_name(err));
	return 1;
}

static libusb_device_handle *open_by_number(libusb_context *ctx, int bus, int num)
{
	struct libusb_device_handle *handle = NULL;
	struct libusb_device **list;
	int err = LIBUSB_ERROR_NO_DEVICE;
	ssize_t i, n;

	n = libusb_get_device_list(ctx, &list);
	for (i = 0; i < n; i++) {
		if (libusb_get_bus_number(list[i]) == bus &&
		    libusb_get_device_address(list[i]) == num)
			err = libusb_open(list[i], &handle);
	}
	if (n >= 0)
		libusb_free_device_list(list, 1);
	if (!handle)
		complain("open", err);
	return handle;
}

static int use(libusb_device_handle *handle)
{
	unsigned char cfg[12] = { 0 };
	int err;

	if (libusb_kernel_driver_active(handle, 0) == 1) {
		fprintf(stderr, "claim: a kernel driver is bound to interface 0\n");
		return 1;
	}
	err = libusb_claim_interface(handle, 0);
	if (err)
		return complain("claim", err);
	err = libusb_control_transfer(handle, REQ_IN, REQ_DEVICE_CONFIG, 1, 0, cfg, sizeof(cfg),
				      TIMEOUT_MS);
	if (err != sizeof(cfg)) {
		libusb_release_interface(handle, 0);
		return complain("DEVICE_CONFIG", err);
	}
	printf("channels=%u sw=%u hw=%u\n", cfg[3] + 1, cfg[4], cfg[8]);
	err = libusb_release_interface(handle, 0);
	return err ? complain("release", err) : 0;
}

int main(int argc, char **argv)
{
	libusb_device_handle *handle;
	libusb_context *ctx;
	int err, ret = 1;

	if (argc != 3) {
		fprintf(stderr, "usage: claim BUSNUM DEVNUM\n");
		return 2;
	}
	err = libusb_init(&ctx);
	if (err)
		return complain("libusb", err);
	handle = open_by_number(ctx, atoi(argv[1]), atoi(argv[2]));
	if (handle) {
		ret = use(handle);
		libusb_close(handle);
	}
	libusb_exit(ctx);
	return ret;
}
