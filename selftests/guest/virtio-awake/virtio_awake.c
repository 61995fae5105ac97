// SPDX-License-Identifier: GPL-2.0-only
/*
 * For QEMU guests whose root is the host's: virtio devices stay awake while the system sleeps.
 *
 * Linux resets a virtio device when it wakes up, and has its driver set it up anew. The driver of
 * virtio's 9p can't do that (6.1 and 6.12 alike), so no file could be read after the first sleep.
 * The sleep of everything else is as without this module.
 */

#include <linux/module.h>
#include <linux/pci.h>

static void virtio_awake_set(bool awake)
{
	struct pci_dev *pdev = NULL;

	while ((pdev = pci_get_device(PCI_VENDOR_ID_REDHAT_QUMRANET, PCI_ANY_ID, pdev)))
		dev_pm_syscore_device(&pdev->dev, awake);
}

static int __init virtio_awake_init(void)
{
	virtio_awake_set(true);

	return 0;
}

static void __exit virtio_awake_exit(void)
{
	virtio_awake_set(false);
}

module_init(virtio_awake_init);
module_exit(virtio_awake_exit);

MODULE_DESCRIPTION("Keeps virtio devices awake while the system sleeps, for tests");
MODULE_AUTHOR("The gs_usb_ng developers");
MODULE_LICENSE("GPL");
