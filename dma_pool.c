// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: gs_dma_pool
 *
 * A pool is an array of slots. A slot is a buffer that a host controller can reach, the URB that
 * moves it, and a reference count that says how many may still touch the two. All memory is got
 * by gs_dma_pool_warm_up() and given back by gs_dma_pool_cool_down(), both in process context, so
 * that the data path neither allocates nor maps anything.
 *
 * A slot's life::
 *
 *   free --acquire--> live (1) --get--> live (n) --put--> ... --put--> free
 *
 * Who finds a slot free claims its bit in a bitmap, writes the slot's fields and then publishes
 * it by its reference count; whoever drops the last reference gives the bit back after the last
 * touch. Hence a lookup sees a slot that is complete or none, and nobody acquires a slot that its
 * releaser is not yet done with. One release too many is refused and counted.
 *
 * The pool lives as long as its slots do: gs_dma_pool_destroy() with slots outstanding tells
 * whose they are, and the last of them to come back frees the pool.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitmap.h>
#include <linux/dma-mapping.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/spinlock.h>
#include <linux/usb.h>
#include <linux/workqueue.h>

#include "dma_pool.h"

/**
 * struct gs_dma_chunk - memory of one warm-up
 * @list: in gs_dma_pool.chunks
 * @buf: what the backend gave
 * @dma: its bus address
 * @size: bytes asked for, which is what has to be given back
 */
struct gs_dma_chunk {
	struct list_head list;
	void *buf;
	dma_addr_t dma;
	size_t size;
};

/**
 * struct gs_dma_pool - see the overview above
 * @params: as given, with a name of our own
 * @stride: bytes from one buffer to the next
 * @slots: @params.max of them, without memory from @capacity on
 * @order: @params.max pointers, scratch for gs_dma_pool_stop()
 * @claimed: bitmap, a slot's bit is clear when it may be acquired
 * @chunks: of struct gs_dma_chunk
 * @lock: keeps slots and their URBs there for those who read the accounting
 * @capacity: slots with memory
 * @next: where the search for a free slot begins
 * @started: URBs are unblocked
 * @pinned: the module has been pinned until the pool is freed
 * @holders: slots in use, plus one for the pool itself until it is destroyed; zero frees
 * @seq: number of the last acquire; the consumer writes, as the next two
 * @first_uses: acquires of slots that had not been used since they got their memory
 * @high_water: see struct gs_dma_pool_info
 * @exhaustions: see struct gs_dma_pool_info
 * @over_releases: see struct gs_dma_pool_info
 * @free_work: frees the pool when the last slot came back in some other context
 */
struct gs_dma_pool {
	struct gs_dma_pool_params params;
	size_t stride;
	struct gs_dma_slot *slots;
	struct gs_dma_slot **order;
	unsigned long *claimed;
	struct list_head chunks;
	spinlock_t lock; /* held where capacity shrinks, and by readers of the accounting */
	unsigned int capacity;
	unsigned int next;
	bool started;
	bool pinned;
	atomic_t holders;
	u64 seq;
	u64 first_uses;
	unsigned int high_water;
	atomic64_t exhaustions;
	atomic64_t over_releases;
	struct work_struct free_work;
};

/* Runs gs_dma_pool.free_work; our own, so that unloading can wait for it */
static struct workqueue_struct *gs_dma_pool_wq;

/**
 * gs_dma_pool_module_init() - get what destroyed pools need; before the first pool
 *
 * Context: Process.
 * Return: 0 or -ENOMEM
 */
int gs_dma_pool_module_init(void)
{
	gs_dma_pool_wq = alloc_workqueue("gs_dma_pool", WQ_UNBOUND, 0);

	return gs_dma_pool_wq ? 0 : -ENOMEM;
}

/**
 * gs_dma_pool_module_exit() - undo gs_dma_pool_module_init(); after the last pool
 *
 * Waits for pools that are being freed. Those that have slots outstanding keep the module
 * loaded; only if they were destroyed by the unloading itself are they lost here.
 *
 * Context: Process, sleeps.
 */
void gs_dma_pool_module_exit(void)
{
	destroy_workqueue(gs_dma_pool_wq);
	gs_dma_pool_wq = NULL;
}

/* Of a pool whose slots have memory of their own */
static void gs_dma_slot_free_buffer(struct gs_dma_slot *slot)
{
	const struct gs_dma_pool_params *par = &slot->pool->params;
	dma_addr_t dma = slot->dma;

	if (dma != DMA_MAPPING_ERROR)
		dma -= par->offset;
	par->backend->free(par->ctx, slot->pool->stride, slot->buf - par->offset, dma);
}

static void gs_dma_pool_free_memory(struct gs_dma_pool *pool)
{
	const struct gs_dma_pool_params *par = &pool->params;
	unsigned int i, n = pool->capacity;
	struct gs_dma_chunk *chunk, *tmp;

	spin_lock(&pool->lock);
	WRITE_ONCE(pool->capacity, 0);
	spin_unlock(&pool->lock);

	for (i = 0; i < n; i++) {
		usb_free_urb(pool->slots[i].urb);
		pool->slots[i].urb = NULL;
		if (par->backend->per_slot)
			gs_dma_slot_free_buffer(&pool->slots[i]);
		pool->slots[i].buf = NULL;
		pool->slots[i].seq = 0;
	}

	list_for_each_entry_safe(chunk, tmp, &pool->chunks, list) {
		list_del(&chunk->list);
		par->backend->free(par->ctx, chunk->size, chunk->buf, chunk->dma);
		kfree(chunk);
	}
}

static void gs_dma_pool_free(struct gs_dma_pool *pool)
{
	bool pinned = pool->pinned;

	gs_dma_pool_free_memory(pool);
	if (pool->params.release)
		pool->params.release(pool->params.ctx);
	bitmap_free(pool->claimed);
	kvfree(pool->order);
	kvfree(pool->slots);
	kfree(pool->params.name);
	kfree(pool);

	/* Unloading destroys the workqueue first, which waits for a work item that is here */
	if (pinned)
		module_put(THIS_MODULE);
}

static void gs_dma_pool_free_work(struct work_struct *work)
{
	gs_dma_pool_free(container_of(work, struct gs_dma_pool, free_work));
}

/**
 * gs_dma_pool_create() - make a pool, without memory yet
 * @params: copied, its name too; @params->backend and @params->ctx are used until
 *	@params->release is called
 *
 * Context: Process, sleeps.
 * Return: the pool, or NULL if there is no memory or @params are impossible
 */
struct gs_dma_pool *gs_dma_pool_create(const struct gs_dma_pool_params *params)
{
	struct gs_dma_pool *pool;
	unsigned int i;

	if (!params->size || !params->max || !is_power_of_2(params->align) ||
	    params->offset >= params->align || !params->backend)
		return NULL;

	pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return NULL;

	pool->params = *params;
	pool->params.name = kstrdup(params->name, GFP_KERNEL);
	pool->slots = kvcalloc(params->max, sizeof(*pool->slots), GFP_KERNEL);
	pool->order = kvcalloc(params->max, sizeof(*pool->order), GFP_KERNEL);
	pool->claimed = bitmap_zalloc(params->max, GFP_KERNEL);
	if (!pool->params.name || !pool->slots || !pool->order || !pool->claimed)
		goto err_free;

	pool->stride = ALIGN(size_add(params->offset, params->size), params->align);
	if (pool->stride < params->size)
		goto err_free;

	for (i = 0; i < params->max; i++) {
		pool->slots[i].pool = pool;
		pool->slots[i].index = i;
		pool->slots[i].dma = DMA_MAPPING_ERROR;
		pool->slots[i].priv = params->priv;
	}
	INIT_LIST_HEAD(&pool->chunks);
	spin_lock_init(&pool->lock);
	INIT_WORK(&pool->free_work, gs_dma_pool_free_work);
	atomic_set(&pool->holders, 1);

	return pool;

err_free:
	bitmap_free(pool->claimed);
	kvfree(pool->order);
	kvfree(pool->slots);
	kfree(pool->params.name);
	kfree(pool);

	return NULL;
}

/**
 * gs_dma_pool_report() - one line for each slot that somebody still holds
 * @pool: the pool
 *
 * Not a WARN(): the fault is ours then, but nothing has been damaged.
 */
static void gs_dma_pool_report(struct gs_dma_pool *pool)
{
	struct gs_dma_slot *slot;
	unsigned int i;

	for (i = 0; i < pool->capacity; i++) {
		slot = &pool->slots[i];
		if (atomic_read(&slot->ref))
			pr_warn("pool %s: slot %u still held by %s, for %u ms\n",
				pool->params.name, i, slot->owner,
				jiffies_to_msecs(jiffies - slot->since));
	}
}

/**
 * gs_dma_pool_destroy() - the user is done with the pool
 * @pool: the pool or NULL; no further acquire, lookup or warm-up
 *
 * Frees the pool at once if no slot is in use. Otherwise reports each and leaves it to the last
 * release, keeping the module loaded until then.
 *
 * Context: Process, sleeps.
 */
void gs_dma_pool_destroy(struct gs_dma_pool *pool)
{
	if (!pool)
		return;

	if (gs_dma_pool_in_use(pool)) {
		gs_dma_pool_report(pool);
		/* Fails if this very module is going: see gs_dma_pool_module_exit() */
		pool->pinned = try_module_get(THIS_MODULE);
	}

	if (atomic_dec_and_test(&pool->holders))
		gs_dma_pool_free(pool);
}

/* Tie a buffer to a slot that has none */
static void gs_dma_slot_init_buffer(struct gs_dma_slot *slot, void *buf, dma_addr_t dma)
{
	const struct gs_dma_pool_params *par = &slot->pool->params;
	const struct gs_dma_backend *backend = par->backend;
	bool by_dma = dma != DMA_MAPPING_ERROR;

	gs_dma_slot_set_buffer(slot, buf, dma);
	slot->sync = by_dma && backend->sync &&
		     (!backend->need_sync || backend->need_sync(par->ctx, dma));
	if (by_dma)
		slot->urb->transfer_flags |= URB_NO_TRANSFER_DMA_MAP;
	usb_block_urb(slot->urb);
}

/* The bus may see other low bits than the CPU, if alignment exceeds what backends give */
static bool gs_dma_pool_aligned(const struct gs_dma_pool *pool, dma_addr_t dma)
{
	return dma == DMA_MAPPING_ERROR || IS_ALIGNED(dma, pool->params.align);
}

/* Memory for @n slots from @first on, in one piece */
static int gs_dma_pool_get_chunk(struct gs_dma_pool *pool, struct gs_dma_slot *first,
				 unsigned int n)
{
	const struct gs_dma_pool_params *par = &pool->params;
	struct gs_dma_chunk *chunk;
	struct gs_dma_slot *slot;
	bool by_dma;
	size_t at;

	chunk = kzalloc(sizeof(*chunk), GFP_KERNEL);
	if (!chunk)
		return -ENOMEM;

	/* Up to 2048 bytes usb_alloc_coherent() would take from pools that all drivers of this
	 * host controller share, and that don't shrink. A page is more on every architecture.
	 */
	chunk->size = size_add(size_mul(pool->stride, n), par->align - 1);
	chunk->size = max_t(size_t, chunk->size, PAGE_SIZE);
	chunk->buf = par->backend->alloc(par->ctx, chunk->size, &chunk->dma);
	if (!chunk->buf)
		goto err_free;

	by_dma = chunk->dma != DMA_MAPPING_ERROR;
	at = PTR_ALIGN(chunk->buf, par->align) - chunk->buf;
	if (!gs_dma_pool_aligned(pool, by_dma ? chunk->dma + at : chunk->dma))
		goto err_free_buf;

	/* Not left to backends: not all memory of host controllers comes zeroed */
	memset(chunk->buf, 0, chunk->size);

	for (slot = first, at += par->offset; slot < first + n; slot++, at += pool->stride)
		gs_dma_slot_init_buffer(slot, chunk->buf + at,
					by_dma ? chunk->dma + at : DMA_MAPPING_ERROR);

	list_add(&chunk->list, &pool->chunks);

	return 0;

err_free_buf:
	par->backend->free(par->ctx, chunk->size, chunk->buf, chunk->dma);
err_free:
	kfree(chunk);

	return -ENOMEM;
}

/* Memory for @n slots from @first on, for each by itself */
static int gs_dma_pool_get_each(struct gs_dma_pool *pool, struct gs_dma_slot *first,
				unsigned int n)
{
	const struct gs_dma_pool_params *par = &pool->params;
	struct gs_dma_slot *slot;
	dma_addr_t dma;
	void *buf;

	for (slot = first; slot < first + n; slot++) {
		buf = par->backend->alloc(par->ctx, pool->stride, &dma);
		if (!buf)
			goto err_free;
		if (!IS_ALIGNED((unsigned long)buf, par->align) ||
		    !gs_dma_pool_aligned(pool, dma)) {
			par->backend->free(par->ctx, pool->stride, buf, dma);
			goto err_free;
		}

		memset(buf, 0, pool->stride);
		if (dma != DMA_MAPPING_ERROR)
			dma += par->offset;
		gs_dma_slot_init_buffer(slot, buf + par->offset, dma);
	}

	return 0;

err_free:
	while (slot-- > first)
		gs_dma_slot_free_buffer(slot);

	return -ENOMEM;
}

/**
 * gs_dma_pool_warm_up() - get memory and URBs for more slots
 * @pool: the pool, not started
 * @n: how many more
 *
 * The URBs have buffer and bus address set and are blocked. When this fails, nothing has
 * changed.
 *
 * Context: Process, sleeps. The user excludes acquires and other warm-ups.
 * Return: 0, -EBUSY if the pool is started (the new URBs' blocking would be out of balance),
 * -ENOSPC if it would have more slots than its maximum, or -ENOMEM.
 */
int gs_dma_pool_warm_up(struct gs_dma_pool *pool, unsigned int n)
{
	struct gs_dma_slot *slot, *first = pool->slots + pool->capacity;
	int err;

	if (pool->started)
		return -EBUSY;
	if (n > pool->params.max - pool->capacity)
		return -ENOSPC;
	if (!n)
		return 0;

	for (slot = first; slot < first + n; slot++) {
		slot->urb = usb_alloc_urb(0, GFP_KERNEL);
		if (!slot->urb) {
			err = -ENOMEM;
			goto err_free_urbs;
		}
	}

	if (pool->params.backend->per_slot)
		err = gs_dma_pool_get_each(pool, first, n);
	else
		err = gs_dma_pool_get_chunk(pool, first, n);
	if (err)
		goto err_free_urbs;

	/* Pairs with the acquire in gs_dma_pool_slot() */
	smp_store_release(&pool->capacity, pool->capacity + n);

	return 0;

err_free_urbs:
	/* usb_free_urb() takes the NULL of those that were not reached */
	for (slot = first; slot < first + n; slot++) {
		usb_free_urb(slot->urb);
		slot->urb = NULL;
	}

	return err;
}

/**
 * gs_dma_pool_cool_down() - give all memory and URBs back
 * @pool: the pool
 *
 * Context: Process, sleeps. The user excludes acquires and warm-ups.
 * Return: 0, or -EBUSY with nothing changed if the pool is started or slots are in use; these
 * are reported.
 */
int gs_dma_pool_cool_down(struct gs_dma_pool *pool)
{
	if (pool->started)
		return -EBUSY;
	if (gs_dma_pool_in_use(pool)) {
		gs_dma_pool_report(pool);
		return -EBUSY;
	}

	gs_dma_pool_free_memory(pool);

	return 0;
}

/**
 * gs_dma_pool_start() - let URBs be submitted; does nothing when started
 * @pool: the pool
 *
 * Context: Process. The user excludes stop, warm-up and cool-down.
 */
void gs_dma_pool_start(struct gs_dma_pool *pool)
{
	unsigned int i;

	if (pool->started)
		return;

	for (i = 0; i < pool->capacity; i++)
		usb_unblock_urb(pool->slots[i].urb);
	pool->started = true;
}

/* Newest first */
static int gs_dma_pool_cmp(const void *a, const void *b)
{
	const struct gs_dma_slot *const *sa = a, *const *sb = b;
	u64 qa = READ_ONCE((*sa)->seq), qb = READ_ONCE((*sb)->seq);

	if (qa == qb)
		return 0;

	return qa < qb ? 1 : -1;
}

/**
 * gs_dma_pool_stop() - have no URB under way and none submitted; does nothing when stopped
 * @pool: the pool
 *
 * All URBs are blocked before the first is killed, else a completion could submit another. The
 * newest is killed first: with the oldest gone, the host controller would go on with the next,
 * and frames would still go out.
 *
 * Context: Process, sleeps until all completion handlers have returned. The user excludes start,
 * warm-up and cool-down.
 */
void gs_dma_pool_stop(struct gs_dma_pool *pool)
{
	unsigned int i;

	if (!pool->started)
		return;

	for (i = 0; i < pool->capacity; i++) {
		usb_block_urb(pool->slots[i].urb);
		pool->order[i] = &pool->slots[i];
	}
	pool->started = false;

	sort(pool->order, pool->capacity, sizeof(*pool->order), gs_dma_pool_cmp, NULL);
	for (i = 0; i < pool->capacity; i++)
		usb_kill_urb(pool->order[i]->urb);
}

/**
 * gs_dma_pool_make_live() - hand out a slot whose bit the caller has claimed
 * @pool: the pool
 * @slot: the slot
 * @owner: whose it is, a constant string
 *
 * Context: Any, the one consumer.
 */
static inline void gs_dma_pool_make_live(struct gs_dma_pool *pool, struct gs_dma_slot *slot,
					 const char *owner)
{
	unsigned int in_use = atomic_inc_return(&pool->holders) - 1;

	/* One writer; others read these for information and may see a torn value on 32 bits */
	if (unlikely(!slot->seq))
		WRITE_ONCE(pool->first_uses, pool->first_uses + 1);
	WRITE_ONCE(pool->seq, pool->seq + 1);
	/* See gs_dma_pool_in_use() */
	if (unlikely(in_use > pool->high_water))
		WRITE_ONCE(pool->high_water, min(in_use, pool->capacity));

	WRITE_ONCE(slot->seq, pool->seq);
	WRITE_ONCE(slot->owner, owner);
	WRITE_ONCE(slot->since, jiffies);

	/* The fields before the count; pairs with atomic_inc_not_zero() in lookups */
	atomic_set_release(&slot->ref, 1);
}

/**
 * gs_dma_pool_acquire() - take any free slot
 * @pool: the pool
 * @owner: who takes it, for reports; a constant string
 *
 * Slots are taken in turn, so that an index that just came back rests as long as possible: an
 * answer that a device owes to its former use, or gives twice, then finds it free.
 *
 * Context: Any, one consumer at a time.
 * Return: a slot with one reference, or NULL if none is free, which is counted
 */
struct gs_dma_slot *gs_dma_pool_acquire(struct gs_dma_pool *pool, const char *owner)
{
	unsigned int i = pool->next, n = pool->capacity;

	/* Mostly the next in turn is free. Each claim pairs with clear_bit_unlock() of the last
	 * release.
	 */
	if (unlikely(i >= n || test_and_set_bit_lock(i, pool->claimed))) {
		i = find_next_zero_bit(pool->claimed, n, i);
		if (i >= n)
			i = find_first_zero_bit(pool->claimed, n);
		/* It can't be set: nobody else sets */
		if (i >= n || test_and_set_bit_lock(i, pool->claimed)) {
			atomic64_inc(&pool->exhaustions);
			return NULL;
		}
	}

	pool->next = i + 1;
	gs_dma_pool_make_live(pool, &pool->slots[i], owner);

	return &pool->slots[i];
}

/**
 * gs_dma_pool_get_or_acquire() - take one more reference to a slot, or the first
 * @pool: the pool
 * @index: which slot
 * @owner: who takes it if it was free, for reports; a constant string
 *
 * Context: Any; one consumer at a time, the same as for gs_dma_pool_acquire().
 * Return: the slot, to be released once for each time it was got; NULL if there is no such slot,
 * or, counted as exhaustion, in the moment in which its last holder lets go of it.
 */
struct gs_dma_slot *gs_dma_pool_get_or_acquire(struct gs_dma_pool *pool, unsigned int index,
					       const char *owner)
{
	struct gs_dma_slot *slot = gs_dma_pool_lookup(pool, index);

	if (slot)
		return slot;

	slot = gs_dma_pool_slot(pool, index);
	if (!slot)
		return NULL;
	if (test_and_set_bit_lock(index, pool->claimed)) {
		atomic64_inc(&pool->exhaustions);
		return NULL;
	}
	gs_dma_pool_make_live(pool, slot, owner);

	return slot;
}

/**
 * gs_dma_pool_lookup() - take one more reference to a slot that is live
 * @pool: the pool
 * @index: which slot, unchecked
 *
 * Context: Any.
 * Return: the slot, to be released, or NULL if there is no such slot or it is free
 */
struct gs_dma_slot *gs_dma_pool_lookup(struct gs_dma_pool *pool, unsigned int index)
{
	struct gs_dma_slot *slot = gs_dma_pool_slot(pool, index);

	if (!slot || !atomic_inc_not_zero(&slot->ref))
		return NULL;

	return slot;
}

/**
 * gs_dma_slot_refuse() - somebody takes or drops a reference that he hasn't got
 * @slot: a free slot
 * @what: what he did
 *
 * Context: Any.
 */
void gs_dma_slot_refuse(struct gs_dma_slot *slot, const char *what)
{
	pr_warn_ratelimited("pool %s: slot %u %s, but it is free\n", slot->pool->params.name,
			    slot->index, what);
}

/**
 * gs_dma_slot_last_put() - the rest of gs_dma_slot_put()
 * @slot: the slot
 * @left: references left: 0, or -1 if there were none to drop
 *
 * Context: Any.
 * Return: true if the slot is free now
 */
bool gs_dma_slot_last_put(struct gs_dma_slot *slot, int left)
{
	struct gs_dma_pool *pool = slot->pool;

	if (unlikely(left < 0)) {
		atomic64_inc(&pool->over_releases);
		gs_dma_slot_refuse(slot, "released");
		return false;
	}

	/* From here on the slot is not ours. The bit goes first: when the count is down, others
	 * may free the pool.
	 */
	clear_bit_unlock(slot->index, pool->claimed);
	if (unlikely(atomic_dec_and_test(&pool->holders)))
		queue_work(gs_dma_pool_wq, &pool->free_work);

	return true;
}

/**
 * gs_dma_pool_slot() - a slot by its number, without taking a reference
 * @pool: the pool
 * @index: which slot, unchecked
 *
 * Context: Any.
 * Return: the slot or NULL if there is no such slot
 */
struct gs_dma_slot *gs_dma_pool_slot(struct gs_dma_pool *pool, unsigned int index)
{
	/* Pairs with the release in gs_dma_pool_warm_up() */
	return index < smp_load_acquire(&pool->capacity) ? &pool->slots[index] : NULL;
}

/**
 * gs_dma_pool_in_use() - slots that somebody holds
 * @pool: the pool, not destroyed
 *
 * Context: Any.
 * Return: their number at this moment
 */
unsigned int gs_dma_pool_in_use(const struct gs_dma_pool *pool)
{
	unsigned int n = atomic_read(&pool->holders) - 1;

	/* A slot is free a moment before its holder is counted off, and may be taken in it */
	return min(n, READ_ONCE(pool->capacity));
}

/**
 * gs_dma_slot_sync() - hand memory that isn't coherent to the CPU or to the device
 * @slot: the slot
 * @len: how many bytes
 * @for_cpu: to whom
 *
 * Context: Any.
 */
void gs_dma_slot_sync(struct gs_dma_slot *slot, size_t len, bool for_cpu)
{
	const struct gs_dma_pool_params *par = &slot->pool->params;

	par->backend->sync(par->ctx, slot->dma, min(len, par->size), par->dir, for_cpu);
}

/* The USB core's own count of submissions that it has not given back, by which usb_kill_urb() knows
 * when it is done. What else there is, urb->status, stays as it was when a submission is refused.
 */
static bool gs_dma_slot_in_flight(const struct gs_dma_slot *slot)
{
	return atomic_read(&slot->urb->use_count) > 0;
}

/* Slots that a reader of the accounting may look at. The lock, which he holds, keeps them there. */
static unsigned int gs_dma_pool_readable(const struct gs_dma_pool *pool)
{
	/* Not the lock but the release in gs_dma_pool_warm_up() has their URBs seen: it pairs */
	return smp_load_acquire(&pool->capacity);
}

/**
 * gs_dma_pool_get_info() - read the accounting
 * @pool: the pool
 * @info: result, a snapshot whose members need not be of one moment
 *
 * What can be found out by looking at the slots is not counted while frames go through them.
 *
 * Context: Process.
 */
void gs_dma_pool_get_info(struct gs_dma_pool *pool, struct gs_dma_pool_info *info)
{
	unsigned int i, n;

	spin_lock(&pool->lock);
	n = gs_dma_pool_readable(pool);
	info->capacity = n;
	/* It may have grown, and more be in use, since */
	info->in_use = min(gs_dma_pool_in_use(pool), n);
	info->free = info->capacity - info->in_use;
	info->in_flight = 0;
	for (i = 0; i < n; i++)
		info->in_flight += gs_dma_slot_in_flight(&pool->slots[i]);
	spin_unlock(&pool->lock);

	info->high_water = READ_ONCE(pool->high_water);
	info->acquires = READ_ONCE(pool->seq);
	info->reuses = info->acquires - min(info->acquires, READ_ONCE(pool->first_uses));
	info->exhaustions = atomic64_read(&pool->exhaustions);
	info->over_releases = atomic64_read(&pool->over_releases);
}

static unsigned long gs_dma_slot_page(const struct gs_dma_slot *slot)
{
	return (unsigned long)READ_ONCE(slot->buf) >> PAGE_SHIFT;
}

/**
 * gs_dma_pool_pages() - how many pages do the slots' buffers lie in?
 * @pool: the pool, of slots that don't cross pages
 *
 * Context: Process.
 * Return: their number
 */
unsigned int gs_dma_pool_pages(struct gs_dma_pool *pool)
{
	unsigned int i, j, n, pages = 0;
	unsigned long page;

	spin_lock(&pool->lock);
	n = gs_dma_pool_readable(pool);
	for (i = 0; i < n; i++) {
		page = gs_dma_slot_page(&pool->slots[i]);
		for (j = 0; j < i && gs_dma_slot_page(&pool->slots[j]) != page; j++)
			;
		pages += j == i;
	}
	spin_unlock(&pool->lock);

	return pages;
}

/**
 * gs_dma_pool_show() - print a line for each slot: whose it is, since when, and what it is doing
 * @pool: the pool
 * @m: where to
 *
 * "usb": the USB core has the URB; "held": somebody has a reference, and the URB is idle.
 *
 * Context: Process.
 */
void gs_dma_pool_show(struct gs_dma_pool *pool, struct seq_file *m)
{
	const struct gs_dma_slot *slot;
	unsigned int i, n;
	int ref;

	seq_puts(m, "slot state refs age_ms owner\n");
	spin_lock(&pool->lock);
	n = gs_dma_pool_readable(pool);
	for (i = 0; i < n; i++) {
		slot = &pool->slots[i];
		/* Pairs with the release in gs_dma_pool_make_live() */
		ref = atomic_read_acquire(&slot->ref);
		if (!ref)
			seq_printf(m, "%u free 0 - -\n", i);
		else
			seq_printf(m, "%u %s %d %u %s\n", i,
				   gs_dma_slot_in_flight(slot) ? "usb" : "held", ref,
				   jiffies_to_msecs(jiffies - READ_ONCE(slot->since)),
				   READ_ONCE(slot->owner));
	}
	spin_unlock(&pool->lock);
}
