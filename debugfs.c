// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who holds what, for people who look for a slot that does not come back
 * (Documentation/ABI/testing/debugfs-driver-gs_usb_ng):
 *
 *   /sys/kernel/debug/gs_usb_ng/<usb interface>/
 *       pool_rx                                      a line for each IN slot
 *       pool_tx<channel>                             a line for each slot of the channel
 *
 * Nothing depends on it: where the kernel has no debugfs, or none for us, the files are missing.
 */

#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/seq_file.h>

#include "gs_usb_ng.h"

static struct dentry *gs_usb_ng_debugfs_root;

static int gs_usb_ng_pool_show(struct seq_file *m, void *v)
{
	gs_dma_pool_show(m->private, m);

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(gs_usb_ng_pool);

static int gs_usb_ng_pool_rx_show(struct seq_file *m, void *v)
{
	const struct gs_usb_ng *dev = m->private;

	gs_dma_pool_show(READ_ONCE(dev->rx_pool), m);

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(gs_usb_ng_pool_rx);

/**
 * gs_usb_ng_debugfs_init() - make the driver's directory; before the driver is registered
 *
 * Context: Module initialisation.
 */
void gs_usb_ng_debugfs_init(void)
{
	gs_usb_ng_debugfs_root = debugfs_create_dir(KBUILD_MODNAME, NULL);
}

/**
 * gs_usb_ng_debugfs_exit() - undo gs_usb_ng_debugfs_init()
 *
 * Context: Module exit.
 */
void gs_usb_ng_debugfs_exit(void)
{
	debugfs_remove(gs_usb_ng_debugfs_root);
}

/**
 * gs_usb_ng_debugfs_add() - make the files of an adapter
 * @dev: the adapter, its pools made
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_debugfs_add(struct gs_usb_ng *dev)
{
	char name[24];
	unsigned int i;

	dev->debugfs = debugfs_create_dir(dev_name(&dev->intf->dev), gs_usb_ng_debugfs_root);
	debugfs_create_file("pool_rx", 0444, dev->debugfs, dev, &gs_usb_ng_pool_rx_fops);
	for (i = 0; i < dev->n_channels; i++) {
		snprintf(name, sizeof(name), "pool_tx%u", i);
		debugfs_create_file(name, 0444, dev->debugfs, dev->ch[i]->tx_pool,
				    &gs_usb_ng_pool_fops);
	}
}

/**
 * gs_usb_ng_debugfs_remove() - undo gs_usb_ng_debugfs_add()
 * @dev: the adapter, its pools still there
 *
 * Waits for reads that are under way. Files may be open still; they can't be read any more.
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_debugfs_remove(struct gs_usb_ng *dev)
{
	debugfs_remove(dev->debugfs);
}
