/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pools of reference counted DMA buffers, each with its URB.
 *
 * A pool knows neither a USB device nor frames: memory comes from a backend, and who holds a
 * slot is told by reference counts and a name for reports.
 */
#ifndef GS_USB_NG_DMA_POOL_H
#define GS_USB_NG_DMA_POOL_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/dma-direction.h>
#include <linux/llist.h>
#include <linux/types.h>
#include <linux/usb.h>

struct gs_dma_pool;
struct seq_file;

/**
 * struct gs_dma_backend - where a pool's memory comes from
 * @alloc: returns @size bytes and their bus address; process context, may sleep; NULL when there
 *	are none. *dma may be DMA_MAPPING_ERROR: memory that the controller reaches without DMA.
 * @free: takes back what @alloc gave; process context
 * @sync: for memory that is not coherent: hand @len bytes at @dma to the CPU (@for_cpu) or to the
 *	device; NULL where nothing has to be done
 * @need_sync: whether @sync does anything for what @alloc gave at @dma; NULL where it always does
 * @per_slot: memory is got for each slot by itself, aligned as the pool wants it, so that
 *	gs_dma_slot_set_buffer() may exchange it; otherwise many slots are carved from a piece
 */
struct gs_dma_backend {
	void *(*alloc)(void *ctx, size_t size, dma_addr_t *dma);
	void (*free)(void *ctx, size_t size, void *buf, dma_addr_t dma);
	void (*sync)(void *ctx, dma_addr_t dma, size_t len, enum dma_data_direction dir,
		     bool for_cpu);
	bool (*need_sync)(void *ctx, dma_addr_t dma);
	bool per_slot;
};

/**
 * struct gs_dma_pool_params - what a pool is made of
 * @name: for reports, e.g. "3-1:1.0 rx"; copied
 * @size: bytes of a slot's buffer
 * @align: alignment of (buffer - @offset), a power of two
 * @offset: the buffer begins this many bytes behind an aligned address, below @align
 * @max: most slots the pool will ever have
 * @dir: who writes and who reads
 * @backend: memory
 * @ctx: passed to @backend
 * @release: called with @ctx when the pool is gone, which is later than its destruction if slots
 *	were outstanding; process context; NULL if @ctx needs nothing
 * @priv: for the user: gs_dma_slot.priv
 */
struct gs_dma_pool_params {
	const char *name;
	size_t size;
	size_t align;
	size_t offset;
	unsigned int max;
	enum dma_data_direction dir;
	const struct gs_dma_backend *backend;
	void *ctx;
	void (*release)(void *ctx);
	void *priv;
};

/**
 * struct gs_dma_slot - one buffer with its URB
 * @pool: the pool it lives in
 * @urb: allocated with the slot, freed with it; filled and submitted by the user; blocked
 *	(usb_block_urb()) but between gs_dma_pool_start() and gs_dma_pool_stop()
 * @buf: the buffer
 * @dma: its bus address, DMA_MAPPING_ERROR if the controller doesn't do DMA
 * @index: 0.. in the pool
 * @ref: references; 0 = free. Not a refcount_t: an extra release shall be refused and counted,
 *	where refcount_t warns and saturates.
 * @seq: number of the acquire that made it live, tells newer from older; 0 = never used
 * @owner: who acquired it, for reports
 * @since: jiffies of the acquire, for reports
 * @priv: gs_dma_pool_params.priv
 * @sync: the memory has to be synced
 * @node: for the user's list
 */
struct gs_dma_slot {
	struct gs_dma_pool *pool;
	struct urb *urb;
	void *buf;
	dma_addr_t dma;
	unsigned int index;
	atomic_t ref;
	u64 seq;
	const char *owner;
	unsigned long since;
	void *priv;
	bool sync;
	struct llist_node node;
};

/**
 * struct gs_dma_pool_info - accounting, a snapshot
 * @capacity: slots there are
 * @free: slots without references
 * @in_use: slots with references
 * @in_flight: of these, slots whose URB the USB core has
 * @high_water: most slots ever in use at once
 * @acquires: slots given out
 * @reuses: of these, slots that had been used before
 * @exhaustions: requests refused because no slot was free
 * @over_releases: releases refused because the slot was free already
 */
struct gs_dma_pool_info {
	u64 capacity;
	u64 free;
	u64 in_use;
	u64 in_flight;
	u64 high_water;
	u64 acquires;
	u64 reuses;
	u64 exhaustions;
	u64 over_releases;
};

/* Module life: a destroyed pool with slots outstanding is freed by a work item */
int gs_dma_pool_module_init(void);
void gs_dma_pool_module_exit(void);

struct gs_dma_pool *gs_dma_pool_create(const struct gs_dma_pool_params *params);
void gs_dma_pool_destroy(struct gs_dma_pool *pool);

/* Memory, process context; the user excludes acquires and other warm-ups meanwhile */
int gs_dma_pool_warm_up(struct gs_dma_pool *pool, unsigned int n);
int gs_dma_pool_cool_down(struct gs_dma_pool *pool);

/* URBs: unblock all / block all, then kill them, newest first; calls balance */
void gs_dma_pool_start(struct gs_dma_pool *pool);
void gs_dma_pool_stop(struct gs_dma_pool *pool);

/* Slots. acquire and get_or_acquire: one consumer at a time; the others from any context */
struct gs_dma_slot *gs_dma_pool_acquire(struct gs_dma_pool *pool, const char *owner);
struct gs_dma_slot *gs_dma_pool_get_or_acquire(struct gs_dma_pool *pool, unsigned int index,
					       const char *owner);
struct gs_dma_slot *gs_dma_pool_lookup(struct gs_dma_pool *pool, unsigned int index);
void gs_dma_slot_refuse(struct gs_dma_slot *slot, const char *what);
bool gs_dma_slot_last_put(struct gs_dma_slot *slot, int left);

struct gs_dma_slot *gs_dma_pool_slot(struct gs_dma_pool *pool, unsigned int index);
unsigned int gs_dma_pool_in_use(const struct gs_dma_pool *pool);
void gs_dma_slot_sync(struct gs_dma_slot *slot, size_t len, bool for_cpu);
void gs_dma_pool_get_info(struct gs_dma_pool *pool, struct gs_dma_pool_info *info);
unsigned int gs_dma_pool_pages(struct gs_dma_pool *pool);
void gs_dma_pool_show(struct gs_dma_pool *pool, struct seq_file *m);

/**
 * gs_dma_slot_get() - take one more reference
 * @slot: a slot to which the caller has a reference
 *
 * A caller who hasn't gets none, and is told.
 *
 * Context: Any.
 */
static inline void gs_dma_slot_get(struct gs_dma_slot *slot)
{
	if (unlikely(!atomic_inc_not_zero(&slot->ref)))
		gs_dma_slot_refuse(slot, "got");
}

/**
 * gs_dma_slot_put() - drop a reference
 * @slot: the slot
 *
 * One release too many is counted and changes nothing, unless the slot has a new holder already.
 *
 * Context: Any.
 * Return: true if this was the last one and the slot is free now
 */
static inline bool gs_dma_slot_put(struct gs_dma_slot *slot)
{
	int left = atomic_dec_if_positive(&slot->ref);

	return left > 0 ? false : gs_dma_slot_last_put(slot, left);
}

/**
 * gs_dma_slot_for_cpu() - the device has written, the CPU is going to read
 * @slot: the slot
 * @len: how many bytes
 *
 * Coherent memory needs nothing: the host controller's driver orders its descriptors behind the
 * data, so a class driver has no barrier either.
 *
 * Context: Any.
 */
static inline void gs_dma_slot_for_cpu(struct gs_dma_slot *slot, size_t len)
{
	if (slot->sync)
		gs_dma_slot_sync(slot, len, true);
}

/**
 * gs_dma_slot_for_device() - the CPU is done with the buffer, the device may have it
 * @slot: the slot
 * @len: how many bytes
 *
 * Context: Any.
 */
static inline void gs_dma_slot_for_device(struct gs_dma_slot *slot, size_t len)
{
	if (slot->sync)
		gs_dma_slot_sync(slot, len, false);
}

/**
 * gs_dma_slot_set_buffer() - exchange a slot's buffer for another of the same backend
 * @slot: a slot of a pool whose backend has @per_slot; its URB is not under way
 * @buf: the new buffer, @offset bytes into what the backend gave; the pool's from now on
 * @dma: its bus address
 *
 * The old buffer is the caller's from now on.
 *
 * Context: Any. The caller is the slot's only holder.
 */
static inline void gs_dma_slot_set_buffer(struct gs_dma_slot *slot, void *buf, dma_addr_t dma)
{
	WRITE_ONCE(slot->buf, buf);
	slot->dma = dma;
	slot->urb->transfer_buffer = buf;
	slot->urb->transfer_dma = dma;
}

#endif /* GS_USB_NG_DMA_POOL_H */
