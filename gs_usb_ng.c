// SPDX-License-Identifier: GPL-2.0-only
/*
 * The usb_driver: which devices, how they come, go, sleep and are reset.
 *
 * Everything is complete before the first net device is registered, since it may be opened
 * that instant; everything that was claimed is given back in the reverse order, so that
 * another driver can have the interface at once.
 */

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pm_runtime.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/usb.h>

#include "gs_usb_ng.h"
#include "zerocopy.h"

/* Some hosts see the first request time out after the module was reloaded
 * (candleLight_fw issue 305)
 */
#define GS_PROBE_TRIES		3
#define GS_PROBE_PAUSE_MS	100

static void *gs_usb_ng_coherent_alloc(void *ctx, size_t size, dma_addr_t *dma)
{
	return usb_alloc_coherent(ctx, size, GFP_KERNEL, dma);
}

static void gs_usb_ng_coherent_free(void *ctx, size_t size, void *buf, dma_addr_t dma)
{
	usb_free_coherent(ctx, size, buf, dma);
}

/* What the host controller wants, be it dma_alloc_coherent(), its own SRAM, or plain memory where
 * it doesn't do DMA. Coherent memory needs no sync, and no dma_wmb() either: the host controller's
 * driver orders the payload before it hands a transfer to the hardware.
 */
static const struct gs_dma_backend gs_usb_ng_coherent = {
	.alloc = gs_usb_ng_coherent_alloc,
	.free = gs_usb_ng_coherent_free,
};

static void gs_usb_ng_pool_release(void *ctx)
{
	usb_put_dev(ctx);
}

/**
 * gs_usb_ng_pool_create() - make a pool of memory that the adapter's host controller reaches
 * @dev: the adapter
 * @params: all but memory and its release, which are filled in here
 *
 * Context: Process, sleeps.
 * Return: the pool, or NULL when there is no memory
 */
struct gs_dma_pool *gs_usb_ng_pool_create(struct gs_usb_ng *dev, struct gs_dma_pool_params *params)
{
	struct gs_dma_pool *pool;

	params->backend = &gs_usb_ng_coherent;
	params->ctx = dev->udev;
	/* A pool outlives disconnect if a bug keeps a slot referenced */
	params->release = gs_usb_ng_pool_release;

	pool = gs_dma_pool_create(params);
	if (pool)
		usb_get_dev(dev->udev);

	return pool;
}

static int gs_usb_ng_handshake(struct gs_usb_ng *dev, struct gs_device_config *cfg)
{
	unsigned int tries = GS_PROBE_TRIES;
	int err;

	for (;;) {
		err = gs_usb_ng_host_format(dev, gs_usb_ng_probe_until(dev));
		if (err != -ETIMEDOUT || !--tries)
			break;
		msleep(GS_PROBE_PAUSE_MS);
	}
	if (err) {
		dev_err(&dev->intf->dev, "host format request failed: %pe\n", ERR_PTR(err));
		return err;
	}

	err = gs_usb_ng_device_config(dev, cfg, gs_usb_ng_probe_until(dev));
	if (err)
		dev_err(&dev->intf->dev, "device config request failed: %pe\n", ERR_PTR(err));

	return err;
}

/* A device may have been left running by a crash, or by a driver that was removed by force */
static void gs_usb_ng_reset_all(struct gs_usb_ng *dev)
{
	unsigned int i;
	int err;

	for (i = 0; i < dev->n_channels; i++) {
		err = gs_usb_ng_reset(dev, i, gs_usb_ng_probe_until(dev));
		if (!err)
			continue;
		if (gs_usb_ng_may_log(dev))
			dev_warn(&dev->intf->dev, "channel %u: reset request failed: %pe\n", i,
				 ERR_PTR(err));
		/* It would be the same for the others, and 255 seconds are too long */
		if (err == -ETIMEDOUT)
			return;
	}
}

static void gs_usb_ng_find_profile(struct gs_usb_ng *dev, u32 feature)
{
	const struct usb_host_interface *alt = dev->intf->cur_altsetting;
	const struct gs_profile_id id = {
		.vid = le16_to_cpu(dev->udev->descriptor.idVendor),
		.pid = le16_to_cpu(dev->udev->descriptor.idProduct),
		.if_class = alt->desc.bInterfaceClass,
		.if_subclass = alt->desc.bInterfaceSubClass,
		.manufacturer = dev->udev->manufacturer,
		.product = dev->udev->product,
		.interface = alt->string,
		.sw_version = dev->sw_version,
		.hw_version = dev->hw_version,
		.feature = feature,
	};

	dev->profile = gs_profile_find(&id);
	dev->tx_cap = gs_profile_device_cap(dev->profile, dev->n_channels);
	dev->generation = dev->profile->turns ? GS_GENERATION_TRYING : GS_GENERATION_OFF;
}

static void gs_usb_ng_free_channels(struct gs_usb_ng *dev)
{
	unsigned int i;

	for (i = 0; i < dev->n_channels; i++)
		if (dev->ch[i])
			gs_usb_ng_channel_free(dev->ch[i]);
}

static int gs_usb_ng_create_channels(struct gs_usb_ng *dev)
{
	struct gs_device_bt_const bt;
	u32 feature = 0;
	unsigned int i;
	int err;

	dev->hw_timestamps = true;
	for (i = 0; i < dev->n_channels; i++) {
		err = gs_usb_ng_bt_const(dev, i, &bt, gs_usb_ng_probe_until(dev));
		if (err) {
			dev_err(&dev->intf->dev, "channel %u: limits request failed: %pe\n", i,
				ERR_PTR(err));
			return err;
		}

		if (!i) {
			feature = le32_to_cpu(bt.feature);
			gs_usb_ng_find_profile(dev, feature);
		}

		err = gs_usb_ng_channel_create(dev, i, &bt);
		if (err)
			return err;

		if (!(dev->ch[i]->feature & GS_FEATURE_HW_TIMESTAMP))
			dev->hw_timestamps = false;
	}

	for (i = 0; i < dev->n_channels; i++)
		gs_usb_ng_channel_finish(dev->ch[i]);

	/* The first one stopped what was running, and only then ELM mode can be left */
	if (dev->profile->elm)
		gs_usb_ng_reset_all(dev);

	return gs_usb_ng_elm_init(dev, feature);
}

/* The interface's count of those who need it awake is not reset when it is unbound */
static void gs_usb_ng_autopm_put_all(struct gs_usb_ng *dev)
{
	unsigned int i;

	if (!dev->profile->autosuspend)
		usb_autopm_put_interface_no_suspend(dev->intf);
	for (i = 0; i < dev->n_channels; i++)
		if (dev->ch[i]->identifying)
			usb_autopm_put_interface_no_suspend(dev->intf);
}

/* Leave the device as it was found, as far as the channels that were closed have not done so */
static void gs_usb_ng_take_leave(struct gs_usb_ng *dev)
{
	unsigned long until = jiffies + GS_USB_NG_CTRL_TIMEOUT;
	unsigned int i;

	mutex_lock(&dev->lock);
	for (i = 0; i < dev->n_channels; i++) {
		if (dev->ch[i]->started)
			gs_usb_ng_channel_reset(dev->ch[i], until);
		gs_usb_ng_forget_filter(dev->ch[i], until);
	}
	mutex_unlock(&dev->lock);
}

static void gs_usb_ng_unregister(struct gs_usb_ng *dev, unsigned int n)
{
	while (n--)
		unregister_candev(dev->ch[n]->netdev);
	/* The end of an "ethtool -p" gives its reference back before it is done, but has RTNL */
	rtnl_lock();
	rtnl_unlock();
}

static int gs_usb_ng_register(struct gs_usb_ng *dev)
{
	unsigned int i;
	int err;

	for (i = 0; i < dev->n_channels; i++) {
		err = register_candev(dev->ch[i]->netdev);
		if (err) {
			dev_err(&dev->intf->dev, "channel %u: not registered: %pe\n", i,
				ERR_PTR(err));
			/* For whoever is at one of the others already */
			WRITE_ONCE(dev->gone, true);
			gs_usb_ng_unregister(dev, i);
			return err;
		}
	}

	return 0;
}

/**
 * gs_usb_ng_probe() - bind to interface 0 of an adapter
 * @intf: the interface
 * @id: entry of the table or of new_id; nothing depends on which
 *
 * Context: Process, sleeps.
 * Return: 0, -ENODEV without a pair of bulk endpoints, -EINVAL for a device that claims what can't
 * be, -ENOMEM, or the errno of a control request or of registering a net device.
 */
static int gs_usb_ng_probe(struct usb_interface *intf, const struct usb_device_id *id)
{
	struct usb_endpoint_descriptor *in, *out;
	struct usb_device *udev = interface_to_usbdev(intf);
	struct gs_device_config cfg;
	struct gs_usb_ng *dev;
	unsigned int n;
	int err;

	err = usb_find_common_endpoints(intf->cur_altsetting, &in, &out, NULL, NULL);
	if (err || !usb_endpoint_maxp(in) || !usb_endpoint_maxp(out)) {
		dev_err(&intf->dev, "no pair of bulk endpoints\n");
		return -ENODEV;
	}

	/* How many channels isn't known before the first two requests, the largest device is 2 KiB
	 * of pointers
	 */
	dev = kzalloc(struct_size(dev, ch, GS_USB_NG_CHANNELS_MAX), GFP_KERNEL);
	if (!dev)
		return -ENOMEM;

	dev->intf = intf;
	dev->udev = udev;
	dev->pipe_in[0] = usb_rcvbulkpipe(udev, in->bEndpointAddress);
	dev->pipe_out[0] = usb_sndbulkpipe(udev, out->bEndpointAddress);
	dev->n_pipes = 1;
	/* A multiple of the packet size is never babble; one that doesn't fit is for no frame */
	dev->rx_size = GS_ZC_BUFFER;
	if (dev->rx_size > usb_endpoint_maxp(in))
		dev->rx_size = rounddown(dev->rx_size, usb_endpoint_maxp(in));
	mutex_init(&dev->lock);
	init_waitqueue_head(&dev->roused);
	spin_lock_init(&dev->tx_wait_lock);
	spin_lock_init(&dev->look_lock);
	ratelimit_state_init(&dev->log, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	INIT_LIST_HEAD(&dev->tx_waiting);
	gs_clock_init(&dev->clock);
	dev->probe_until = jiffies + GS_USB_NG_PROBE_TIMEOUT;
	dev->probing = true;
	usb_set_intfdata(intf, dev);

	err = gs_usb_ng_handshake(dev, &cfg);
	if (err)
		goto out_free;

	n = cfg.icount + 1;
	if (n > GS_USB_NG_CHANNELS_MAX) {
		dev_err(&intf->dev, "device claims %u channels, %u is the limit\n", n,
			GS_USB_NG_CHANNELS_MAX);
		err = -EINVAL;
		goto out_free;
	}
	dev->n_channels = n;
	dev->sw_version = le32_to_cpu(cfg.sw_version);
	dev->hw_version = le32_to_cpu(cfg.hw_version);

	gs_usb_ng_reset_all(dev);

	err = gs_usb_ng_rx_init(dev);
	if (err)
		goto out_free;

	err = gs_usb_ng_create_channels(dev);
	if (err)
		goto out_free_channels;

	dev->probing = false;

	err = gs_usb_ng_recovery_init(dev);
	if (err)
		goto out_free_channels;

	mutex_lock(&dev->lock);
	gs_usb_ng_share(dev);
	mutex_unlock(&dev->lock);

	/* Not to be suspended while no channel is up, unless it is known to come back from that */
	if (!dev->profile->autosuspend)
		usb_autopm_get_interface_no_resume(intf);

	err = gs_usb_ng_register(dev);
	if (err)
		goto out_take_leave;

	gs_usb_ng_debugfs_add(dev);

	dev_info(&intf->dev, "%s, %u channel%s, firmware %#x, hardware %#x\n", dev->profile->name,
		 n, n > 1 ? "s" : "", dev->sw_version, dev->hw_version);

	return 0;

out_take_leave:
	/* A channel that was registered for a moment may have been given one */
	gs_usb_ng_take_leave(dev);
	gs_usb_ng_autopm_put_all(dev);
	gs_usb_ng_recovery_exit(dev);
out_free_channels:
	gs_usb_ng_elm_exit(dev);
	gs_usb_ng_free_channels(dev);
	gs_usb_ng_rx_exit(dev);
out_free:
	usb_set_intfdata(intf, NULL);
	mutex_destroy(&dev->lock);
	kfree(dev);
	return err;
}

/* .soft_unbind: the endpoints still work here unless the cable was pulled, so that channels that
 * are up say goodbye to the bus and to the device
 */
static void gs_usb_ng_disconnect(struct usb_interface *intf)
{
	struct gs_usb_ng *dev = usb_get_intfdata(intf);

	WRITE_ONCE(dev->gone, true);
	gs_usb_ng_debugfs_remove(dev);
	gs_usb_ng_unregister(dev, dev->n_channels);
	gs_usb_ng_take_leave(dev);
	gs_usb_ng_autopm_put_all(dev);
	gs_usb_ng_recovery_exit(dev);
	gs_usb_ng_elm_exit(dev);
	gs_usb_ng_free_channels(dev);
	gs_usb_ng_rx_exit(dev);
	usb_set_intfdata(intf, NULL);
	mutex_destroy(&dev->lock);
	kfree(dev);
}

/* Take every channel off the bus, keep the net devices. No RTNL: its holder may be waiting for
 * gs_usb_ng.lock.
 */
static void gs_usb_ng_pause(struct gs_usb_ng *dev, bool reset)
{
	struct gs_channel *ch;
	unsigned long until;
	unsigned int i;

	/* From here on nothing starts a channel; what was started before is waited for */
	mutex_lock(&dev->lock);
	WRITE_ONCE(dev->paused, true);
	dev->forgetful = true;
	dev->reminded = 0;
	dev->remind_fails = 0;
	mutex_unlock(&dev->lock);
	for (i = 0; i < dev->n_channels; i++)
		gs_usb_ng_recovery_cancel(dev->ch[i]);

	mutex_lock(&dev->lock);
	until = jiffies + GS_USB_NG_CTRL_TIMEOUT;
	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[i];
		if (ch->running)
			gs_usb_ng_channel_stop(ch, reset, until);
		else if (reset && ch->started)
			gs_usb_ng_channel_reset(ch, until);
		if (ch->open && READ_ONCE(ch->can.state) != CAN_STATE_BUS_OFF)
			WRITE_ONCE(ch->can.state, CAN_STATE_STOPPED);
	}
	gs_usb_ng_rx_close(dev);
	mutex_unlock(&dev->lock);

	/* The poll may have asked for recovery until it was stopped */
	for (i = 0; i < dev->n_channels; i++)
		gs_usb_ng_recovery_cancel(dev->ch[i]);
	cancel_delayed_work_sync(&dev->tick);
}

/**
 * gs_usb_ng_rouse() - have the device awake until usb_autopm_put_interface_async()
 * @dev: the adapter
 *
 * The USB core takes seconds to wake a device that has died in its sleep. RTNL isn't held for them:
 * half of the time that its holder has is for this, and the rest for his requests. A device that is
 * still being woken then is one that is paused (gs_usb_ng.paused).
 *
 * Context: Process, RTNL, not gs_usb_ng.lock, which resume takes.
 * Return: 0, -ETIMEDOUT if it sleeps on (the hub that it is behind was not awake in time, or could
 * not be woken), or the errno of the runtime PM core
 */
int gs_usb_ng_rouse(struct gs_usb_ng *dev)
{
	int err;

	err = usb_autopm_get_interface_async(dev->intf);
	if (err)
		return err;

	if (pm_runtime_active(&dev->udev->dev) ||
	    wait_event_timeout(dev->roused, !READ_ONCE(dev->paused), GS_USB_NG_CTRL_TIMEOUT / 2) ||
	    !pm_runtime_status_suspended(&dev->udev->dev))
		return 0;

	usb_autopm_put_interface_async(dev->intf);

	return -ETIMEDOUT;
}

static int gs_usb_ng_suspend(struct usb_interface *intf, pm_message_t message)
{
	gs_usb_ng_pause(usb_get_intfdata(intf), true);

	return 0;
}

static int gs_usb_ng_resume(struct usb_interface *intf)
{
	gs_usb_ng_resume_channels(usb_get_intfdata(intf));

	return 0;
}

static int gs_usb_ng_pre_reset(struct usb_interface *intf)
{
	gs_usb_ng_pause(usb_get_intfdata(intf), false);

	return 0;
}

static int gs_usb_ng_post_reset(struct usb_interface *intf)
{
	/* An error would have the interface unbound, and the net devices gone */
	gs_usb_ng_resume_channels(usb_get_intfdata(intf));

	return 0;
}

static const struct usb_device_id gs_usb_ng_ids[] = {
	/* Geschwister Schneider USB2CAN, candleLight, CANable, CANtact Pro, budgetcan, clones */
	{ USB_DEVICE_INTERFACE_NUMBER(0x1d50, 0x606f, 0) },
	/* candleLight, bytewerk */
	{ USB_DEVICE_INTERFACE_NUMBER(0x1209, 0x2323, 0) },
	/* CES CANext FD */
	{ USB_DEVICE_INTERFACE_NUMBER(0x1cd2, 0x606f, 0) },
	/* ABE CANdebugger FD */
	{ USB_DEVICE_INTERFACE_NUMBER(0x16d0, 0x10b8, 0) },
	/* Xylanta SAINT3 */
	{ USB_DEVICE_INTERFACE_NUMBER(0x16d0, 0x0f30, 0) },
	/* CANnectivity */
	{ USB_DEVICE_INTERFACE_NUMBER(0x1209, 0xca01, 0) },
	{ }
};
MODULE_DEVICE_TABLE(usb, gs_usb_ng_ids);

static struct usb_driver gs_usb_ng_driver = {
	.name = KBUILD_MODNAME,
	.id_table = gs_usb_ng_ids,
	.probe = gs_usb_ng_probe,
	.disconnect = gs_usb_ng_disconnect,
	.suspend = gs_usb_ng_suspend,
	.resume = gs_usb_ng_resume,
	.reset_resume = gs_usb_ng_resume,
	.pre_reset = gs_usb_ng_pre_reset,
	.post_reset = gs_usb_ng_post_reset,
	.dev_groups = gs_usb_ng_device_groups,
	.supports_autosuspend = 1,
	.soft_unbind = 1,
};

static int __init gs_usb_ng_init(void)
{
	int err;

	err = gs_dma_pool_module_init();
	if (err)
		return err;

	gs_usb_ng_sysfs_init();
	gs_usb_ng_debugfs_init();
	err = gs_usb_ng_elm_module_init();
	if (err)
		goto out_exit;
	err = usb_register(&gs_usb_ng_driver);
	if (err)
		goto out_elm_exit;

	return 0;

out_elm_exit:
	gs_usb_ng_elm_module_exit();
out_exit:
	gs_usb_ng_debugfs_exit();
	gs_dma_pool_module_exit();
	return err;
}

static void __exit gs_usb_ng_exit(void)
{
	usb_deregister(&gs_usb_ng_driver);
	gs_usb_ng_elm_module_exit();
	gs_usb_ng_debugfs_exit();
	gs_dma_pool_module_exit();
}

module_init(gs_usb_ng_init);
module_exit(gs_usb_ng_exit);

MODULE_DESCRIPTION("SocketCAN driver for USB-CAN adapters that speak the gs_usb protocol");
MODULE_AUTHOR("The gs_usb_ng developers");
MODULE_LICENSE("GPL");
