// SPDX-License-Identifier: GPL-2.0-only
/*
 * For UML guests whose adapter is a gadget: it stays awake while the system sleeps, as one that is
 * not a part of the system would.
 *
 * The emulator is not frozen, and dummy_udc, the device's end of the cable, is not suspended, which
 * to the host would be an unplugged cable. All of the host's side sleeps as without this module.
 * Threads of the emulator have it from the one that makes them: load it when it is running.
 */

#include <linux/device.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/sched/signal.h>

static void gadget_awake_threads(bool awake)
{
	struct task_struct *process, *thread;

	rcu_read_lock();
	for_each_process_thread(process, thread) {
		if (strcmp(process->comm, "gs-usb-emu"))
			continue;
		/* Else its own to change: one CPU, which is here */
		if (awake)
			thread->flags |= PF_NOFREEZE;
		else
			thread->flags &= ~PF_NOFREEZE;
	}
	rcu_read_unlock();
}

static void gadget_awake_set(bool awake)
{
	struct device *dev;
	char name[16];
	int i;

	for (i = 0; ; i++) {
		snprintf(name, sizeof(name), "dummy_udc.%d", i);
		dev = bus_find_device_by_name(&platform_bus_type, NULL, name);
		if (!dev)
			break;
		dev_pm_syscore_device(dev, awake);
		put_device(dev);
	}
	gadget_awake_threads(awake);
}

static int __init gadget_awake_init(void)
{
	gadget_awake_set(true);

	return 0;
}

static void __exit gadget_awake_exit(void)
{
	gadget_awake_set(false);
}

module_init(gadget_awake_init);
module_exit(gadget_awake_exit);

MODULE_DESCRIPTION("Keeps emulated gadgets awake while the system sleeps, for tests");
MODULE_AUTHOR("The gs_usb_ng developers");
MODULE_LICENSE("GPL");
