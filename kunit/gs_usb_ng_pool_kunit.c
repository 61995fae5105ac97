// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: the buffer pool gives each slot to one holder at a time, gives everything back exactly
 * once, and refuses what it must.
 *
 * Memory comes from a fake that hands out poisoned buffers, fails on demand and keeps a ledger; a
 * test ends with nothing left in it. The last tests use dma_alloc_coherent() of a real device.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/bottom_half.h>
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/irqflags.h>
#include <linux/kmsg_dump.h>
#include <linux/kthread.h>
#include <linux/llist.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dma_pool.h"
#include "pool_urb.h"

/*
 * URB functions under the pool: pool_urb.h
 */

static int urbs_live;
static int urb_fail_in = -1;		/* the alloc that fails, counting down; -1: none */
static struct urb *killed[64];
static unsigned int n_killed;
static unsigned int killed_unblocked;	/* URBs not yet blocked at the first kill */
static struct gs_dma_pool *killing;	/* the pool that is being stopped */

struct urb *gs_kunit_alloc_urb(int iso_packets, gfp_t gfp)
{
	struct urb *urb;

	if (urb_fail_in >= 0 && urb_fail_in-- == 0)
		return NULL;
	urb = usb_alloc_urb(iso_packets, gfp);
	if (urb)
		urbs_live++;

	return urb;
}

void gs_kunit_free_urb(struct urb *urb)
{
	if (urb)
		urbs_live--;
	usb_free_urb(urb);
}

void gs_kunit_kill_urb(struct urb *urb)
{
	struct gs_dma_slot *slot;
	unsigned int i;

	for (i = 0; killing && !n_killed && (slot = gs_dma_pool_slot(killing, i)); i++)
		killed_unblocked += !atomic_read(&slot->urb->reject);
	if (n_killed < ARRAY_SIZE(killed))
		killed[n_killed++] = urb;
	usb_kill_urb(urb);
}

/*
 * Fake memory
 */

struct fake_chunk {
	void *raw;
	void *buf;
	dma_addr_t dma;
	size_t size;
};

/**
 * struct fake - a memory backend that keeps a ledger
 * @chunks: what is out
 * @allocs: how often memory was got
 * @frees: how often it came back
 * @bad_frees: how often something came back that was not out like this
 * @fail_in: the alloc that fails, counting down; -1: none
 * @skew: bytes by which buffers miss their natural alignment
 * @dma_skew: bytes by which the bus sees them elsewhere
 * @no_dma: the controller reaches memory without DMA
 * @coherent: sync has nothing to do
 * @syncs: calls of sync
 * @sync_dma: its arguments
 * @sync_len: its arguments
 * @sync_dir: its arguments
 * @sync_for_cpu: its arguments
 * @released: the pool has gone
 */
struct fake {
	struct fake_chunk chunks[8];
	unsigned int allocs;
	unsigned int frees;
	unsigned int bad_frees;
	int fail_in;
	size_t skew;
	size_t dma_skew;
	bool no_dma;
	bool coherent;
	unsigned int syncs;
	dma_addr_t sync_dma;
	size_t sync_len;
	enum dma_data_direction sync_dir;
	bool sync_for_cpu;
	struct completion released;
};

static void *fake_alloc(void *ctx, size_t size, dma_addr_t *dma)
{
	struct fake *fake = ctx;
	struct fake_chunk *c;

	might_sleep();
	if (fake->fail_in >= 0 && fake->fail_in-- == 0)
		return NULL;

	for (c = fake->chunks; c->raw; c++)
		if (c == &fake->chunks[ARRAY_SIZE(fake->chunks) - 1])
			return NULL;
	c->raw = (void *)__get_free_pages(GFP_KERNEL, get_order(size + 128));
	if (!c->raw)
		return NULL;
	memset(c->raw, 0xa5, size + 128);
	c->buf = c->raw + fake->skew;
	c->dma = fake->no_dma ? DMA_MAPPING_ERROR :
		 0x12340000 + ((c - fake->chunks) << 20) + fake->skew + fake->dma_skew;
	c->size = size;
	fake->allocs++;
	*dma = c->dma;

	return c->buf;
}

static void fake_free(void *ctx, size_t size, void *buf, dma_addr_t dma)
{
	struct fake *fake = ctx;
	struct fake_chunk *c;
	u8 *end;

	might_sleep();
	fake->frees++;
	for (c = fake->chunks; c < fake->chunks + ARRAY_SIZE(fake->chunks); c++) {
		if (!c->raw || c->buf != buf || c->size != size || c->dma != dma)
			continue;
		/* nothing was written before or behind */
		end = buf + size;
		if (memchr_inv(c->raw, 0xa5, fake->skew) ||
		    memchr_inv(end, 0xa5, 128 - fake->skew))
			fake->bad_frees++;
		free_pages((unsigned long)c->raw, get_order(size + 128));
		memset(c, 0, sizeof(*c));
		return;
	}
	fake->bad_frees++;
}

static void fake_sync(void *ctx, dma_addr_t dma, size_t len, enum dma_data_direction dir,
		      bool for_cpu)
{
	struct fake *fake = ctx;

	fake->syncs++;
	fake->sync_dma = dma;
	fake->sync_len = len;
	fake->sync_dir = dir;
	fake->sync_for_cpu = for_cpu;
}

static bool fake_need_sync(void *ctx, dma_addr_t dma)
{
	struct fake *fake = ctx;

	return !fake->coherent;
}

static void fake_release(void *ctx)
{
	struct fake *fake = ctx;

	complete(&fake->released);
}

static const struct gs_dma_backend fake_backend = {
	.alloc = fake_alloc,
	.free = fake_free,
	.sync = fake_sync,
};

static const struct gs_dma_backend fake_per_slot = {
	.alloc = fake_alloc,
	.free = fake_free,
	.sync = fake_sync,
	.need_sync = fake_need_sync,
	.per_slot = true,
};

static struct gs_dma_pool_params fake_params(struct fake *fake)
{
	return (struct gs_dma_pool_params){
		.name = "kunit",
		.size = 77,
		.align = 4,
		.max = 40,
		.dir = DMA_TO_DEVICE,
		.backend = &fake_backend,
		.ctx = fake,
		.release = fake_release,
		.priv = fake,
	};
}

/* A pool with @n slots warm */
static struct gs_dma_pool *fake_pool(struct kunit *test, unsigned int n)
{
	struct gs_dma_pool_params params = fake_params(test->priv);
	struct gs_dma_pool *pool = gs_dma_pool_create(&params);

	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_ASSERT_EQ(test, gs_dma_pool_warm_up(pool, n), 0);

	return pool;
}

static struct gs_dma_pool_info info(struct gs_dma_pool *pool)
{
	struct gs_dma_pool_info i;

	gs_dma_pool_get_info(pool, &i);

	return i;
}

static int pool_test_init(struct kunit *test)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);

	if (!fake)
		return -ENOMEM;
	fake->fail_in = -1;
	init_completion(&fake->released);
	test->priv = fake;

	urbs_live = 0;
	urb_fail_in = -1;
	n_killed = 0;
	killed_unblocked = 0;
	killing = NULL;

	return 0;
}

/* Whatever a test did: all memory has come back, once and as it was given */
static void pool_test_exit(struct kunit *test)
{
	struct fake *fake = test->priv;

	KUNIT_EXPECT_EQ(test, fake->allocs, fake->frees);
	KUNIT_EXPECT_EQ(test, fake->bad_frees, 0);
	KUNIT_EXPECT_EQ(test, urbs_live, 0);
}

static int pool_suite_init(struct kunit_suite *suite)
{
	return gs_dma_pool_module_init();
}

static void pool_suite_exit(struct kunit_suite *suite)
{
	gs_dma_pool_module_exit();
}

/*
 * Tests
 */

static void pool_acquire_release(struct kunit *test)
{
	struct gs_dma_pool *pool = fake_pool(test, 4);
	struct gs_dma_slot *slot[4];
	unsigned int i, j;

	KUNIT_EXPECT_EQ(test, info(pool).capacity, 4);
	for (i = 0; i < 4; i++) {
		slot[i] = gs_dma_pool_acquire(pool, "test");
		KUNIT_ASSERT_NOT_NULL(test, slot[i]);
		KUNIT_EXPECT_EQ(test, atomic_read(&slot[i]->ref), 1);
		KUNIT_EXPECT_STREQ(test, slot[i]->owner, "test");
		KUNIT_EXPECT_EQ(test, slot[i]->seq, i + 1);
		KUNIT_EXPECT_PTR_EQ(test, slot[i], gs_dma_pool_slot(pool, slot[i]->index));
		KUNIT_EXPECT_PTR_EQ(test, slot[i]->priv, test->priv);
		KUNIT_EXPECT_EQ(test, gs_dma_pool_in_use(pool), i + 1);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_PTR_NE(test, slot[i], slot[j]);
	}

	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_TRUE(test, gs_dma_slot_put(slot[i]));
		KUNIT_EXPECT_EQ(test, gs_dma_pool_in_use(pool), 3 - i);
	}
	KUNIT_EXPECT_EQ(test, info(pool).in_use, 0);
	KUNIT_EXPECT_EQ(test, info(pool).acquires, 4);
	KUNIT_EXPECT_EQ(test, info(pool).high_water, 4);
	KUNIT_EXPECT_EQ(test, info(pool).over_releases, 0);
	gs_dma_pool_destroy(pool);
}

static void pool_reuse(struct kunit *test)
{
	struct gs_dma_pool *pool = fake_pool(test, 4);
	struct gs_dma_slot *slot;
	unsigned int i;

	for (i = 0; i < 10; i++) {
		slot = gs_dma_pool_acquire(pool, "test");
		KUNIT_ASSERT_NOT_NULL(test, slot);
		/* in turn: an index rests as long as it can */
		KUNIT_EXPECT_EQ(test, slot->index, i % 4);
		gs_dma_slot_put(slot);
	}
	KUNIT_EXPECT_EQ(test, info(pool).acquires, 10);
	KUNIT_EXPECT_EQ(test, info(pool).reuses, 6);
	KUNIT_EXPECT_EQ(test, info(pool).high_water, 1);

	/* new memory has no past */
	KUNIT_EXPECT_EQ(test, gs_dma_pool_cool_down(pool), 0);
	KUNIT_EXPECT_EQ(test, gs_dma_pool_warm_up(pool, 4), 0);
	slot = gs_dma_pool_acquire(pool, "test");
	KUNIT_ASSERT_NOT_NULL(test, slot);
	KUNIT_EXPECT_EQ(test, info(pool).reuses, 6);
	gs_dma_slot_put(slot);
	gs_dma_pool_destroy(pool);
}

static void pool_warm_up(struct kunit *test)
{
	struct gs_dma_pool *pool = fake_pool(test, 10);
	struct gs_dma_slot *slot = gs_dma_pool_acquire(pool, "old");
	struct fake *fake = test->priv;
	unsigned int i;
	void *buf;

	KUNIT_ASSERT_NOT_NULL(test, slot);
	buf = slot->buf;
	memset(buf, 0x5a, 77);
	KUNIT_EXPECT_EQ(test, gs_dma_pool_warm_up(pool, 20), 0);
	KUNIT_EXPECT_EQ(test, info(pool).capacity, 30);
	KUNIT_EXPECT_EQ(test, fake->allocs, 2);
	KUNIT_EXPECT_EQ(test, urbs_live, 30);
	/* whoever holds a slot notices nothing */
	KUNIT_EXPECT_PTR_EQ(test, slot->buf, buf);
	KUNIT_EXPECT_NULL(test, memchr_inv(buf, 0x5a, 77));

	KUNIT_EXPECT_EQ(test, gs_dma_pool_warm_up(pool, 11), -ENOSPC);
	KUNIT_EXPECT_EQ(test, gs_dma_pool_warm_up(pool, UINT_MAX), -ENOSPC);
	KUNIT_EXPECT_EQ(test, gs_dma_pool_warm_up(pool, 0), 0);
	KUNIT_EXPECT_EQ(test, info(pool).capacity, 30);
	KUNIT_EXPECT_EQ(test, fake->allocs, 2);

	for (i = 1; i < 30; i++)
		KUNIT_EXPECT_NOT_NULL(test, gs_dma_pool_acquire(pool, "new"));
	KUNIT_EXPECT_NULL(test, gs_dma_pool_acquire(pool, "new"));
	KUNIT_EXPECT_EQ(test, info(pool).high_water, 30);
	for (i = 0; i < 30; i++)
		KUNIT_EXPECT_TRUE(test, gs_dma_slot_put(gs_dma_pool_slot(pool, i)));

	KUNIT_EXPECT_EQ(test, gs_dma_pool_warm_up(pool, 10), 0);
	KUNIT_EXPECT_EQ(test, info(pool).capacity, 40);
	gs_dma_pool_destroy(pool);
	KUNIT_EXPECT_EQ(test, fake->frees, 3);
}

static void pool_exhaustion(struct kunit *test)
{
	struct gs_dma_pool *pool = fake_pool(test, 2);
	struct gs_dma_slot *a = gs_dma_pool_acquire(pool, "a");
	struct gs_dma_slot *b = gs_dma_pool_acquire(pool, "b");

	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_NULL(test, gs_dma_pool_acquire(pool, "c"));
	KUNIT_EXPECT_NULL(test, gs_dma_pool_acquire(pool, "c"));
	KUNIT_EXPECT_EQ(test, info(pool).exhaustions, 2);
	KUNIT_EXPECT_EQ(test, info(pool).acquires, 2);

	gs_dma_slot_put(a);
	KUNIT_EXPECT_PTR_EQ(test, gs_dma_pool_acquire(pool, "c"), a);
	KUNIT_EXPECT_EQ(test, info(pool).exhaustions, 2);
	gs_dma_slot_put(a);
	gs_dma_slot_put(b);
	gs_dma_pool_destroy(pool);

	/* without memory there is nothing to have */
	pool = fake_pool(test, 0);
	KUNIT_EXPECT_NULL(test, gs_dma_pool_acquire(pool, "c"));
	KUNIT_EXPECT_EQ(test, info(pool).exhaustions, 1);
	gs_dma_pool_destroy(pool);
}

static void pool_get_or_acquire(struct kunit *test)
{
	struct gs_dma_pool *pool = fake_pool(test, 4);
	struct gs_dma_slot *slot = gs_dma_pool_get_or_acquire(pool, 2, "first");

	KUNIT_ASSERT_NOT_NULL(test, slot);
	KUNIT_EXPECT_EQ(test, slot->index, 2);
	KUNIT_EXPECT_PTR_EQ(test, gs_dma_pool_get_or_acquire(pool, 2, "second"), slot);
	KUNIT_EXPECT_EQ(test, info(pool).acquires, 1);
	KUNIT_EXPECT_EQ(test, info(pool).in_use, 1);
	KUNIT_EXPECT_STREQ(test, slot->owner, "first");

	/* got twice, released twice, gone at the second and not before */
	KUNIT_EXPECT_FALSE(test, gs_dma_slot_put(slot));
	KUNIT_EXPECT_EQ(test, info(pool).in_use, 1);
	KUNIT_EXPECT_EQ(test, gs_dma_pool_cool_down(pool), -EBUSY);
	KUNIT_EXPECT_TRUE(test, gs_dma_slot_put(slot));
	KUNIT_EXPECT_EQ(test, info(pool).in_use, 0);

	/* a third time is refused and counted */
	KUNIT_EXPECT_FALSE(test, gs_dma_slot_put(slot));
	KUNIT_EXPECT_FALSE(test, gs_dma_slot_put(slot));
	KUNIT_EXPECT_EQ(test, info(pool).over_releases, 2);
	KUNIT_EXPECT_EQ(test, info(pool).in_use, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&slot->ref), 0);

	/* and has done no harm */
	KUNIT_EXPECT_PTR_EQ(test, gs_dma_pool_get_or_acquire(pool, 2, "third"), slot);
	KUNIT_EXPECT_EQ(test, atomic_read(&slot->ref), 1);
	KUNIT_EXPECT_TRUE(test, gs_dma_slot_put(slot));

	KUNIT_EXPECT_NULL(test, gs_dma_pool_get_or_acquire(pool, 4, "none"));
	KUNIT_EXPECT_EQ(test, info(pool).exhaustions, 0);
	gs_dma_pool_destroy(pool);
}

static void pool_lookup(struct kunit *test)
{
	struct gs_dma_pool *pool = fake_pool(test, 4);
	struct gs_dma_slot *slot = gs_dma_pool_acquire(pool, "test");

	KUNIT_ASSERT_NOT_NULL(test, slot);
	KUNIT_EXPECT_PTR_EQ(test, gs_dma_pool_lookup(pool, slot->index), slot);
	KUNIT_EXPECT_EQ(test, atomic_read(&slot->ref), 2);
	gs_dma_slot_get(slot);
	KUNIT_EXPECT_EQ(test, atomic_read(&slot->ref), 3);

	KUNIT_EXPECT_NULL(test, gs_dma_pool_lookup(pool, slot->index + 1));
	KUNIT_EXPECT_NULL(test, gs_dma_pool_lookup(pool, 4));
	KUNIT_EXPECT_NULL(test, gs_dma_pool_lookup(pool, 39));
	KUNIT_EXPECT_NULL(test, gs_dma_pool_lookup(pool, UINT_MAX));
	KUNIT_EXPECT_NULL(test, gs_dma_pool_slot(pool, 4));

	KUNIT_EXPECT_FALSE(test, gs_dma_slot_put(slot));
	KUNIT_EXPECT_FALSE(test, gs_dma_slot_put(slot));
	KUNIT_EXPECT_TRUE(test, gs_dma_slot_put(slot));
	KUNIT_EXPECT_NULL(test, gs_dma_pool_lookup(pool, slot->index));
	/* no reference comes from none */
	gs_dma_slot_get(slot);
	KUNIT_EXPECT_EQ(test, atomic_read(&slot->ref), 0);
	gs_dma_pool_destroy(pool);
}

/* What gs_dma_pool_show() prints */
static char *shown(struct kunit *test, struct gs_dma_pool *pool)
{
	struct seq_file m = { .size = PAGE_SIZE };

	m.buf = kunit_kzalloc(test, m.size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	gs_dma_pool_show(pool, &m);
	KUNIT_ASSERT_FALSE(test, seq_has_overflowed(&m));
	m.buf[m.count] = 0;

	return m.buf;
}

/* What is found out by looking: slots that are free, that USB has, whose they are and since when */
static void pool_accounting(struct kunit *test)
{
	struct gs_dma_pool *pool = fake_pool(test, 4);
	struct gs_dma_slot *tx, *rx;
	char *text;

	KUNIT_EXPECT_EQ(test, info(pool).free, 4);
	KUNIT_EXPECT_EQ(test, info(pool).in_flight, 0);
	KUNIT_EXPECT_STREQ(test, shown(test, pool),
			   "slot state refs age_ms owner\n"
			   "0 free 0 - -\n1 free 0 - -\n2 free 0 - -\n3 free 0 - -\n");

	rx = gs_dma_pool_get_or_acquire(pool, 1, "rx-one");
	tx = gs_dma_pool_get_or_acquire(pool, 2, "tx-two");
	KUNIT_ASSERT_NOT_NULL(test, rx);
	KUNIT_ASSERT_NOT_NULL(test, tx);
	gs_dma_slot_get(tx);
	tx->since = jiffies - 90 * HZ;
	/* as usb_submit_urb() does */
	atomic_inc(&tx->urb->use_count);
	KUNIT_EXPECT_EQ(test, info(pool).free, 2);
	KUNIT_EXPECT_EQ(test, info(pool).in_use, 2);
	KUNIT_EXPECT_EQ(test, info(pool).in_flight, 1);
	text = shown(test, pool);
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "\n0 free 0 - -\n1 held 1 "));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, " rx-one\n2 usb 2 9"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, " tx-two\n3 free 0 - -\n"));

	/* given back */
	atomic_dec(&tx->urb->use_count);
	gs_dma_slot_put(tx);
	KUNIT_EXPECT_EQ(test, info(pool).in_flight, 0);
	KUNIT_EXPECT_EQ(test, info(pool).in_use, 2);
	KUNIT_EXPECT_NOT_NULL(test, strstr(shown(test, pool), "\n2 held 1 9"));
	gs_dma_slot_put(tx);
	gs_dma_slot_put(rx);
	KUNIT_EXPECT_EQ(test, info(pool).free, 4);

	KUNIT_EXPECT_EQ(test, gs_dma_pool_cool_down(pool), 0);
	KUNIT_EXPECT_EQ(test, info(pool).free, 0);
	KUNIT_EXPECT_STREQ(test, shown(test, pool), "slot state refs age_ms owner\n");
	gs_dma_pool_destroy(pool);
}

/* Slots whose buffers share pages */
static void pool_pages(struct kunit *test)
{
	struct gs_dma_pool_params params = fake_params(test->priv);
	struct gs_dma_slot *first, *slot;
	struct gs_dma_pool *pool;
	unsigned int i;
	void *own[5];

	params.backend = &fake_per_slot;
	pool = gs_dma_pool_create(&params);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_EXPECT_EQ(test, gs_dma_pool_pages(pool), 0);
	KUNIT_ASSERT_EQ(test, gs_dma_pool_warm_up(pool, 5), 0);
	KUNIT_EXPECT_EQ(test, gs_dma_pool_pages(pool), 5);

	/* as in a page that buffers are cut from */
	first = gs_dma_pool_slot(pool, 0);
	for (i = 1; i < 5; i += 2) {
		slot = gs_dma_pool_slot(pool, i);
		own[i] = slot->buf;
		slot->buf = first->buf + i;
	}
	KUNIT_EXPECT_EQ(test, gs_dma_pool_pages(pool), 3);
	for (i = 1; i < 5; i += 2)
		gs_dma_pool_slot(pool, i)->buf = own[i];
	gs_dma_pool_destroy(pool);
}

/**
 * struct reader - reads the accounting of a pool
 * @pool: the pool
 * @reads: how often it has
 * @broken: how often it made no sense
 */
struct reader {
	struct gs_dma_pool *pool;
	atomic_t reads;
	atomic_t broken;
};

static int reader_thread(void *data)
{
	struct reader *r = data;
	struct seq_file m = { .size = PAGE_SIZE };
	struct gs_dma_pool_info i;

	m.buf = kmalloc(m.size, GFP_KERNEL);
	while (!kthread_should_stop()) {
		gs_dma_pool_get_info(r->pool, &i);
		if (i.free + i.in_use != i.capacity || i.in_flight)
			atomic_inc(&r->broken);
		gs_dma_pool_pages(r->pool);
		m.count = 0;
		if (m.buf)
			gs_dma_pool_show(r->pool, &m);
		atomic_inc(&r->reads);
		schedule();
	}
	kfree(m.buf);

	return 0;
}

/* Slots and URBs come and go under a reader's eyes */
static void pool_read_while_cooling(struct kunit *test)
{
	struct reader r = { .pool = fake_pool(test, 0) };
	struct task_struct *task = kthread_run(reader_thread, &r, "gs_pool/reader");
	unsigned long end = jiffies + 60 * HZ;
	struct gs_dma_slot *slot;
	unsigned int round = 0;

	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	while ((round < 200 || atomic_read(&r.reads) < 200) && time_before(jiffies, end)) {
		if (gs_dma_pool_warm_up(r.pool, 8))
			break;
		slot = gs_dma_pool_acquire(r.pool, "test");
		schedule();
		if (slot)
			gs_dma_slot_put(slot);
		if (gs_dma_pool_cool_down(r.pool))
			break;
		schedule();
		round++;
	}
	kthread_stop(task);
	KUNIT_EXPECT_GE(test, round, 200);
	KUNIT_EXPECT_GE(test, atomic_read(&r.reads), 200);
	KUNIT_EXPECT_EQ(test, atomic_read(&r.broken), 0);
	gs_dma_pool_destroy(r.pool);
}

/* Pools with one context side by side: each gives back its own */
static void pool_destroy_own(struct kunit *test)
{
	struct gs_dma_pool *a = fake_pool(test, 3), *b = fake_pool(test, 5);
	struct fake *fake = test->priv;

	gs_dma_pool_warm_up(a, 4);
	KUNIT_EXPECT_EQ(test, fake->allocs, 3);
	KUNIT_EXPECT_EQ(test, urbs_live, 12);
	gs_dma_pool_destroy(a);
	KUNIT_EXPECT_EQ(test, fake->frees, 2);
	KUNIT_EXPECT_EQ(test, urbs_live, 5);
	KUNIT_EXPECT_TRUE(test, try_wait_for_completion(&fake->released));
	KUNIT_EXPECT_FALSE(test, try_wait_for_completion(&fake->released));
	/* b is alive */
	KUNIT_EXPECT_TRUE(test, gs_dma_slot_put(gs_dma_pool_acquire(b, "test")));
	gs_dma_pool_destroy(b);
	KUNIT_EXPECT_EQ(test, fake->frees, 3);

	gs_dma_pool_destroy(NULL);
}

/* Is there a line in the kernel's log that has both texts? */
static bool logged(const char *one, const char *two)
{
	struct kmsg_dump_iter iter;
	static char line[512];
	bool found = false;
	size_t len;

	kmsg_dump_rewind(&iter);
	while (!found && kmsg_dump_get_line(&iter, true, line, sizeof(line) - 1, &len)) {
		line[len] = 0;
		found = strstr(line, one) && strstr(line, two);
	}

	return found;
}

static void pool_leak_report(struct kunit *test)
{
	struct gs_dma_pool_params params = fake_params(test->priv);
	struct fake *fake = test->priv;
	struct gs_dma_pool *pool;
	char name[32];

	snprintf(name, sizeof(name), "leaky %pK %lu", fake, jiffies);
	params.name = name;
	pool = gs_dma_pool_create(&params);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	/* the name was copied */
	strscpy(name, "leaky", sizeof(name));
	KUNIT_ASSERT_EQ(test, gs_dma_pool_warm_up(pool, 4), 0);
	KUNIT_ASSERT_NOT_NULL(test, gs_dma_pool_get_or_acquire(pool, 1, "tx-of-one"));
	KUNIT_ASSERT_NOT_NULL(test, gs_dma_pool_get_or_acquire(pool, 3, "rx-of-three"));

	KUNIT_EXPECT_EQ(test, gs_dma_pool_cool_down(pool), -EBUSY);
	KUNIT_EXPECT_EQ(test, fake->frees, 0);
	KUNIT_EXPECT_EQ(test, info(pool).capacity, 4);
	KUNIT_EXPECT_TRUE(test, logged("slot 1 still held by tx-of-one, for ", "leaky"));
	KUNIT_EXPECT_TRUE(test, logged("slot 3 still held by rx-of-three, for ", "leaky"));
	KUNIT_EXPECT_FALSE(test, logged("slot 0 still held", "leaky"));

	gs_dma_slot_put(gs_dma_pool_slot(pool, 1));
	gs_dma_slot_put(gs_dma_pool_slot(pool, 3));
	KUNIT_EXPECT_EQ(test, gs_dma_pool_cool_down(pool), 0);
	KUNIT_EXPECT_EQ(test, fake->frees, 1);
	KUNIT_EXPECT_EQ(test, info(pool).capacity, 0);
	KUNIT_EXPECT_EQ(test, urbs_live, 0);
	gs_dma_pool_destroy(pool);
}

/* The last holder is in a context that may not free coherent memory */
static void pool_destroy_outstanding(struct kunit *test)
{
	struct gs_dma_pool *pool = fake_pool(test, 4);
	struct gs_dma_slot *a = gs_dma_pool_acquire(pool, "a");
	struct gs_dma_slot *b = gs_dma_pool_acquire(pool, "b");
	struct fake *fake = test->priv;
	unsigned long flags;

	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	gs_dma_slot_get(b);
	a->since = jiffies - 4321 * HZ;

	gs_dma_pool_destroy(pool);
	KUNIT_EXPECT_TRUE(test, logged("pool kunit: slot 0 still held by a, for 43210", " ms"));
	KUNIT_EXPECT_TRUE(test, logged("pool kunit: slot 1 still held by b, for ", " ms"));
	KUNIT_EXPECT_EQ(test, fake->frees, 0);

	/* the memory is theirs until they let go */
	memset(a->buf, 1, 77);
	memset(b->buf, 2, 77);
	KUNIT_EXPECT_TRUE(test, gs_dma_slot_put(a));
	local_bh_disable();
	KUNIT_EXPECT_FALSE(test, gs_dma_slot_put(b));
	local_bh_enable();
	KUNIT_EXPECT_FALSE(test, wait_for_completion_timeout(&fake->released, HZ / 20));
	KUNIT_EXPECT_EQ(test, fake->frees, 0);
	KUNIT_EXPECT_EQ(test, urbs_live, 4);

	local_irq_save(flags);
	gs_dma_slot_put(b);
	local_irq_restore(flags);
	KUNIT_EXPECT_TRUE(test, wait_for_completion_timeout(&fake->released, 10 * HZ));
	KUNIT_EXPECT_EQ(test, fake->frees, 1);
	KUNIT_EXPECT_EQ(test, urbs_live, 0);
}

struct layout_case {
	const char *name;
	size_t size;
	size_t align;
	size_t offset;
	size_t skew;
};

static const struct layout_case layout_cases[] = {
	{ "tx slot", 77, 4, 0, 0 },
	{ "host frame at 8n+4", 512, 8, 4, 0 },
	{ "one byte", 1, 1, 0, 0 },
	{ "page fragment", 2048, 4096, 12, 0 },
	{ "cache line", 80, 64, 0, 0 },
	{ "cache line from odd memory", 80, 64, 0, 1 },
	{ "offset 63 from odd memory", 80, 64, 63, 3 },
	{ "8n+4 from memory at 4", 80, 8, 4, 4 },
};

static void layout_name(const struct layout_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(layout, layout_cases, layout_name);

static void pool_layout(struct kunit *test)
{
	const struct layout_case *c = test->param_value;
	struct gs_dma_pool_params params = fake_params(test->priv);
	struct fake *fake = test->priv;
	struct gs_dma_slot *slot;
	struct gs_dma_pool *pool;
	struct fake_chunk *chunk;
	unsigned int i;

	fake->skew = c->skew;
	params.size = c->size;
	params.align = c->align;
	params.offset = c->offset;
	pool = gs_dma_pool_create(&params);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_ASSERT_EQ(test, gs_dma_pool_warm_up(pool, 3), 0);
	KUNIT_ASSERT_EQ(test, gs_dma_pool_warm_up(pool, 8), 0);

	for (i = 0; i < 11; i++) {
		slot = gs_dma_pool_slot(pool, i);
		chunk = &fake->chunks[i < 3 ? 0 : 1];
		/* from usb_alloc_coherent() not to get memory that drivers share */
		KUNIT_EXPECT_GT(test, chunk->size, 2048);

		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)slot->buf - c->offset,
						   c->align));
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED(slot->dma - c->offset, c->align));
		KUNIT_EXPECT_TRUE(test, slot->buf >= chunk->buf);
		KUNIT_EXPECT_TRUE(test, slot->buf + c->size <= chunk->buf + chunk->size);
		/* bus and CPU mean the same byte */
		KUNIT_EXPECT_EQ(test, (unsigned long)(slot->buf - chunk->buf),
				(unsigned long)(slot->dma - chunk->dma));
		/* zeroed, and nobody else's */
		KUNIT_EXPECT_NULL(test, memchr_inv(slot->buf, 0, c->size));
		memset(slot->buf, i + 1, c->size);
	}
	for (i = 0; i < 11; i++)
		KUNIT_EXPECT_NULL(test, memchr_inv(gs_dma_pool_slot(pool, i)->buf, i + 1, c->size));
	gs_dma_pool_destroy(pool);
}

/* Bus addresses whose low bits are not the CPU's: alignment can't be kept, so no slots */
static void pool_layout_impossible(struct kunit *test)
{
	struct gs_dma_pool *pool = fake_pool(test, 0);
	struct fake *fake = test->priv;

	fake->dma_skew = 2;
	KUNIT_EXPECT_EQ(test, gs_dma_pool_warm_up(pool, 4), -ENOMEM);
	KUNIT_EXPECT_EQ(test, info(pool).capacity, 0);
	KUNIT_EXPECT_EQ(test, urbs_live, 0);
	KUNIT_EXPECT_EQ(test, fake->frees, 1);
	fake->dma_skew = 0;
	KUNIT_EXPECT_EQ(test, gs_dma_pool_warm_up(pool, 4), 0);
	gs_dma_pool_destroy(pool);
}

/* Memory for each slot by itself, which can be exchanged */
static void pool_per_slot(struct kunit *test)
{
	struct gs_dma_pool_params params = fake_params(test->priv);
	struct fake *fake = test->priv;
	struct gs_dma_slot *slot;
	struct gs_dma_pool *pool;
	dma_addr_t dma, old_dma;
	void *buf, *old;
	unsigned int i;

	params.backend = &fake_per_slot;
	params.size = 436;
	params.align = 16;
	params.offset = 12;
	pool = gs_dma_pool_create(&params);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_ASSERT_EQ(test, gs_dma_pool_warm_up(pool, 3), 0);
	KUNIT_EXPECT_EQ(test, fake->allocs, 3);
	for (i = 0; i < 3; i++) {
		slot = gs_dma_pool_slot(pool, i);
		KUNIT_EXPECT_EQ(test, fake->chunks[i].size, 448);
		KUNIT_EXPECT_PTR_EQ(test, slot->buf, fake->chunks[i].buf + 12);
		KUNIT_EXPECT_EQ(test, slot->dma, fake->chunks[i].dma + 12);
		KUNIT_EXPECT_PTR_EQ(test, slot->urb->transfer_buffer, slot->buf);
		KUNIT_EXPECT_EQ(test, slot->urb->transfer_dma, slot->dma);
		KUNIT_EXPECT_TRUE(test, slot->urb->transfer_flags & URB_NO_TRANSFER_DMA_MAP);
		KUNIT_EXPECT_NULL(test, memchr_inv(slot->buf, 0, 436));
		KUNIT_EXPECT_TRUE(test, slot->sync);
	}

	slot = gs_dma_pool_slot(pool, 1);
	old = slot->buf - 12;
	old_dma = slot->dma - 12;
	buf = fake_alloc(fake, 448, &dma);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	gs_dma_slot_set_buffer(slot, buf + 12, dma + 12);
	KUNIT_EXPECT_PTR_EQ(test, slot->urb->transfer_buffer, buf + 12);
	KUNIT_EXPECT_EQ(test, slot->urb->transfer_dma, dma + 12);
	/* the pool gives back what the slot has then, and not what it had */
	KUNIT_EXPECT_EQ(test, gs_dma_pool_cool_down(pool), 0);
	KUNIT_EXPECT_EQ(test, fake->frees, 3);
	KUNIT_EXPECT_EQ(test, fake->bad_frees, 0);
	fake_free(fake, 448, old, old_dma);

	/* not enough for all, or not aligned: none are kept */
	fake->fail_in = 2;
	KUNIT_EXPECT_EQ(test, gs_dma_pool_warm_up(pool, 3), -ENOMEM);
	fake->fail_in = -1;
	fake->dma_skew = 4;
	KUNIT_EXPECT_EQ(test, gs_dma_pool_warm_up(pool, 3), -ENOMEM);
	fake->dma_skew = 0;
	fake->skew = 8;
	KUNIT_EXPECT_EQ(test, gs_dma_pool_warm_up(pool, 3), -ENOMEM);
	KUNIT_EXPECT_EQ(test, fake->allocs, fake->frees);
	KUNIT_EXPECT_EQ(test, urbs_live, 0);

	/* the backend knows that nothing has to be synced */
	fake->skew = 0;
	fake->coherent = true;
	KUNIT_ASSERT_EQ(test, gs_dma_pool_warm_up(pool, 3), 0);
	slot = gs_dma_pool_slot(pool, 2);
	KUNIT_EXPECT_FALSE(test, slot->sync);
	gs_dma_slot_for_cpu(slot, 20);
	KUNIT_EXPECT_EQ(test, fake->syncs, 0);
	KUNIT_EXPECT_EQ(test, gs_dma_pool_cool_down(pool), 0);
	fake->coherent = false;

	/* without DMA the host controller takes the CPU's address */
	fake->no_dma = true;
	KUNIT_EXPECT_EQ(test, gs_dma_pool_warm_up(pool, 3), 0);
	slot = gs_dma_pool_slot(pool, 2);
	KUNIT_EXPECT_EQ(test, slot->dma, DMA_MAPPING_ERROR);
	KUNIT_EXPECT_FALSE(test, slot->urb->transfer_flags & URB_NO_TRANSFER_DMA_MAP);
	KUNIT_EXPECT_FALSE(test, slot->sync);
	gs_dma_pool_destroy(pool);
}

static void pool_params(struct kunit *test)
{
	const struct gs_dma_pool_params good = fake_params(test->priv);
	struct gs_dma_pool_params p = good;

	p.size = 0;
	KUNIT_EXPECT_NULL(test, gs_dma_pool_create(&p));
	p.size = SIZE_MAX;
	KUNIT_EXPECT_NULL(test, gs_dma_pool_create(&p));
	p = good;
	p.max = 0;
	KUNIT_EXPECT_NULL(test, gs_dma_pool_create(&p));
	p = good;
	p.align = 0;
	KUNIT_EXPECT_NULL(test, gs_dma_pool_create(&p));
	p.align = 24;
	KUNIT_EXPECT_NULL(test, gs_dma_pool_create(&p));
	p = good;
	p.offset = 4;
	KUNIT_EXPECT_NULL(test, gs_dma_pool_create(&p));
	p = good;
	p.backend = NULL;
	KUNIT_EXPECT_NULL(test, gs_dma_pool_create(&p));
}

static void pool_direction(struct kunit *test)
{
	static const enum dma_data_direction dirs[] = {
		DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL
	};
	struct gs_dma_pool_params params = fake_params(test->priv);
	struct fake *fake = test->priv;
	struct gs_dma_slot *slot;
	struct gs_dma_pool *pool;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		params.dir = dirs[i];
		pool = gs_dma_pool_create(&params);
		KUNIT_ASSERT_NOT_NULL(test, pool);
		KUNIT_ASSERT_EQ(test, gs_dma_pool_warm_up(pool, 2), 0);
		slot = gs_dma_pool_slot(pool, 1);

		fake->syncs = 0;
		gs_dma_slot_for_device(slot, 20);
		KUNIT_EXPECT_EQ(test, fake->syncs, 1);
		KUNIT_EXPECT_EQ(test, fake->sync_dma, slot->dma);
		KUNIT_EXPECT_EQ(test, fake->sync_len, 20);
		KUNIT_EXPECT_EQ(test, fake->sync_dir, dirs[i]);
		KUNIT_EXPECT_FALSE(test, fake->sync_for_cpu);
		/* not into the neighbour */
		gs_dma_slot_for_cpu(slot, 1000);
		KUNIT_EXPECT_EQ(test, fake->syncs, 2);
		KUNIT_EXPECT_EQ(test, fake->sync_len, 77);
		KUNIT_EXPECT_TRUE(test, fake->sync_for_cpu);
		gs_dma_pool_destroy(pool);
	}
}

static void pool_urbs(struct kunit *test)
{
	struct gs_dma_pool *pool = fake_pool(test, 3);
	struct fake *fake = test->priv;
	struct gs_dma_slot *slot;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		slot = gs_dma_pool_slot(pool, i);
		KUNIT_EXPECT_PTR_EQ(test, slot->urb->transfer_buffer, slot->buf);
		KUNIT_EXPECT_EQ(test, slot->urb->transfer_dma, slot->dma);
		KUNIT_EXPECT_EQ(test, slot->urb->transfer_flags, URB_NO_TRANSFER_DMA_MAP);
		KUNIT_EXPECT_EQ(test, atomic_read(&slot->urb->reject), 1);
	}
	gs_dma_pool_destroy(pool);

	/* the controller copies by itself: USB core must not see a bus address */
	fake->no_dma = true;
	pool = fake_pool(test, 1);
	slot = gs_dma_pool_slot(pool, 0);
	KUNIT_EXPECT_EQ(test, slot->dma, DMA_MAPPING_ERROR);
	KUNIT_EXPECT_PTR_EQ(test, slot->urb->transfer_buffer, slot->buf);
	KUNIT_EXPECT_EQ(test, slot->urb->transfer_flags, 0);
	gs_dma_slot_for_cpu(slot, 20);
	gs_dma_slot_for_device(slot, 20);
	KUNIT_EXPECT_EQ(test, fake->syncs, 0);
	gs_dma_pool_destroy(pool);
}

static int reject(struct gs_dma_pool *pool, unsigned int index)
{
	return atomic_read(&gs_dma_pool_slot(pool, index)->urb->reject);
}

static void pool_start_stop(struct kunit *test)
{
	static const unsigned int order[] = { 0, 3, 2, 1, 4 };
	struct gs_dma_pool *pool = fake_pool(test, 5);
	struct fake *fake = test->priv;
	unsigned int i, round;

	for (round = 0; round < 3; round++) {
		gs_dma_pool_start(pool);
		gs_dma_pool_start(pool);
		for (i = 0; i < 5; i++)
			KUNIT_EXPECT_EQ(test, reject(pool, i), 0);
		/* started URBs can be neither joined by others nor taken away */
		KUNIT_EXPECT_EQ(test, gs_dma_pool_warm_up(pool, 1), -EBUSY);
		KUNIT_EXPECT_EQ(test, gs_dma_pool_cool_down(pool), -EBUSY);
		KUNIT_EXPECT_EQ(test, info(pool).capacity, 5);

		/* in use since: 1, 2, 3, 0, and 4 never */
		for (i = 1; i <= 4; i++)
			KUNIT_ASSERT_NOT_NULL(test, gs_dma_pool_get_or_acquire(pool, i % 4, "x"));

		n_killed = 0;
		killed_unblocked = 0;
		killing = pool;
		gs_dma_pool_stop(pool);
		KUNIT_EXPECT_EQ(test, killed_unblocked, 0);
		KUNIT_ASSERT_EQ(test, n_killed, 5);
		for (i = 0; i < 5; i++)
			KUNIT_EXPECT_PTR_EQ(test, killed[i],
					    gs_dma_pool_slot(pool, order[i])->urb);
		gs_dma_pool_stop(pool);
		KUNIT_EXPECT_EQ(test, n_killed, 5);
		for (i = 0; i < 5; i++)
			KUNIT_EXPECT_EQ(test, reject(pool, i), 1);
		for (i = 0; i < 4; i++)
			gs_dma_slot_put(gs_dma_pool_slot(pool, i));
	}

	/* unlike slots in use, URBs that are unblocked don't keep a pool alive */
	gs_dma_pool_start(pool);
	killing = NULL;
	gs_dma_pool_destroy(pool);
	KUNIT_EXPECT_EQ(test, fake->frees, 1);
}

/* Each step of a warm-up fails once: nothing may have changed */
static void pool_warm_up_fails(struct kunit *test)
{
	struct gs_dma_pool *pool = fake_pool(test, 3);
	struct fake *fake = test->priv;
	int i;

	for (i = 0; i < 6; i++) {
		if (i < 5)
			urb_fail_in = i;
		else
			fake->fail_in = 0;
		KUNIT_EXPECT_EQ(test, gs_dma_pool_warm_up(pool, 5), -ENOMEM);
		KUNIT_EXPECT_EQ(test, info(pool).capacity, 3);
		KUNIT_EXPECT_EQ(test, urbs_live, 3);
		KUNIT_EXPECT_EQ(test, fake->allocs, 1);
		KUNIT_EXPECT_NULL(test, gs_dma_pool_slot(pool, 3));
	}
	KUNIT_EXPECT_EQ(test, gs_dma_pool_warm_up(pool, 5), 0);
	KUNIT_EXPECT_EQ(test, info(pool).capacity, 8);
	gs_dma_pool_destroy(pool);
}

/*
 * Several threads at one pool
 */

#define STRESS_TIME	(2 * HZ)

/**
 * struct stress - one consumer, two holders who release, one who looks up
 * @pool: under test
 * @lists: slots on their way to a holder
 * @done: the consumer has finished
 * @broken: slots that had two owners or were seen half made
 * @lookups: live slots that were looked up
 */
struct stress {
	struct gs_dma_pool *pool;
	struct llist_head lists[2];
	bool done;
	atomic_t broken;
	atomic_t lookups;
};

struct stress_arg {
	struct stress *s;
	int who;
};

static void stress_check(struct stress *s, struct gs_dma_slot *slot)
{
	u64 seq = READ_ONCE(slot->seq);

	/* the consumer wrote the number of its acquire to the buffer before it gave it away */
	if (!slot->owner || strcmp(slot->owner, "stress") || !seq ||
	    READ_ONCE(*(u64 *)slot->buf) != seq)
		atomic_inc(&s->broken);
}

static int stress_holder(void *data)
{
	struct stress_arg *arg = data;
	struct stress *s = arg->s;
	struct gs_dma_slot *slot, *tmp;
	struct llist_node *first;
	bool done;

	do {
		/* Pairs with the release in pool_stress(): then look at the list once more */
		done = smp_load_acquire(&s->done);
		first = llist_del_all(&s->lists[arg->who]);
		llist_for_each_entry_safe(slot, tmp, first, node) {
			stress_check(s, slot);
			gs_dma_slot_put(slot);
		}
		/* not cond_resched(): on one CPU the others would get a time slice each */
		schedule();
	} while (first || !done);

	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);

	return 0;
}

static int stress_looker(void *data)
{
	struct stress_arg *arg = data;
	struct stress *s = arg->s;
	struct gs_dma_slot *slot;
	unsigned int i = 0;

	while (!READ_ONCE(s->done)) {
		slot = gs_dma_pool_lookup(s->pool, i++ % 10);
		if (slot) {
			atomic_inc(&s->lookups);
			/* not the buffer: it is the consumer's still, perhaps */
			if (!slot->owner || strcmp(slot->owner, "stress") || !slot->seq)
				atomic_inc(&s->broken);
			gs_dma_slot_put(slot);
		}
		if (i % 10 == 0)
			schedule();
	}

	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);

	return 0;
}

static void pool_stress(struct kunit *test)
{
	struct stress s = { .pool = fake_pool(test, 8) };
	struct stress_arg arg[3] = { { &s, 0 }, { &s, 1 }, { &s, 0 } };
	unsigned long end = jiffies + STRESS_TIME;
	struct task_struct *task[3];
	struct gs_dma_slot *slot;
	unsigned int i;
	u64 taken = 0;

	init_llist_head(&s.lists[0]);
	init_llist_head(&s.lists[1]);
	for (i = 0; i < 3; i++) {
		task[i] = kthread_run(i < 2 ? stress_holder : stress_looker, &arg[i],
				      "gs_pool/%u", i);
		if (IS_ERR(task[i]))
			break;
	}
	KUNIT_EXPECT_EQ(test, i, 3);

	while (i == 3 && time_before(jiffies, end)) {
		slot = gs_dma_pool_acquire(s.pool, "stress");
		if (!slot) {
			schedule();
			continue;
		}
		taken++;
		if (atomic_read(&slot->ref) < 1)
			atomic_inc(&s.broken);
		WRITE_ONCE(*(u64 *)slot->buf, slot->seq);
		/* one reference for the holder, and sometimes one more of our own */
		if (taken % 3 == 0)
			gs_dma_slot_get(slot);
		llist_add(&slot->node, &s.lists[taken % 2]);
		if (taken % 3 == 0)
			gs_dma_slot_put(slot);
		if (taken % 5 == 0)
			schedule();
	}

	/* Behind the last llist_add(); pairs with the acquire in stress_holder() */
	smp_store_release(&s.done, true);
	while (i--)
		kthread_stop(task[i]);

	KUNIT_EXPECT_EQ(test, atomic_read(&s.broken), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&s.lookups), 0);
	KUNIT_EXPECT_GT(test, taken, 100);
	kunit_info(test, "%llu acquires, %d lookups\n", taken, atomic_read(&s.lookups));
	KUNIT_EXPECT_EQ(test, info(s.pool).acquires, taken);
	KUNIT_EXPECT_EQ(test, info(s.pool).in_use, 0);
	KUNIT_EXPECT_EQ(test, info(s.pool).over_releases, 0);
	KUNIT_EXPECT_LE(test, info(s.pool).high_water, 8);
	/* all slots can be had again */
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_NOT_NULL(test, gs_dma_pool_acquire(s.pool, "test"));
	for (i = 0; i < 8; i++)
		gs_dma_slot_put(gs_dma_pool_slot(s.pool, i));
	gs_dma_pool_destroy(s.pool);
}

/*
 * Real memory
 */

static void *coherent_alloc(void *ctx, size_t size, dma_addr_t *dma)
{
	return dma_alloc_coherent(ctx, size, dma, GFP_KERNEL);
}

static void coherent_free(void *ctx, size_t size, void *buf, dma_addr_t dma)
{
	dma_free_coherent(ctx, size, buf, dma);
}

static const struct gs_dma_backend coherent_backend = {
	.alloc = coherent_alloc,
	.free = coherent_free,
};

static void pool_coherent(struct kunit *test)
{
	struct gs_dma_pool_params params = {
		.name = "coherent",
		.size = 80,
		.align = 64,
		.offset = 4,
		.max = 64,
		.dir = DMA_BIDIRECTIONAL,
		.backend = &coherent_backend,
	};
	struct gs_dma_slot *slot, *held;
	struct gs_dma_pool *pool;
	struct device *dev;
	unsigned int i;

	dev = kunit_device_register(test, "gs_usb_ng_pool");
	KUNIT_ASSERT_FALSE(test, IS_ERR(dev));
	KUNIT_ASSERT_EQ(test, dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64)), 0);

	params.ctx = dev;
	pool = gs_dma_pool_create(&params);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_ASSERT_EQ(test, gs_dma_pool_warm_up(pool, 10), 0);
	KUNIT_ASSERT_EQ(test, gs_dma_pool_warm_up(pool, 54), 0);
	for (i = 0; i < 64; i++) {
		slot = gs_dma_pool_acquire(pool, "test");
		KUNIT_ASSERT_NOT_NULL(test, slot);
		KUNIT_EXPECT_NE(test, slot->dma, DMA_MAPPING_ERROR);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED(slot->dma - 4, 64));
		KUNIT_EXPECT_NULL(test, memchr_inv(slot->buf, 0, 80));
		memset(slot->buf, i, 80);
		/* nothing to do, and nobody to do it */
		gs_dma_slot_for_device(slot, 80);
		gs_dma_slot_for_cpu(slot, 80);
	}
	for (i = 0; i < 64; i++) {
		slot = gs_dma_pool_slot(pool, i);
		KUNIT_EXPECT_NULL(test, memchr_inv(slot->buf, i, 80));
		KUNIT_EXPECT_TRUE(test, gs_dma_slot_put(slot));
	}
	KUNIT_EXPECT_EQ(test, gs_dma_pool_cool_down(pool), 0);

	/* dma_free_coherent() complains unless it is called where it may sleep */
	KUNIT_ASSERT_EQ(test, gs_dma_pool_warm_up(pool, 2), 0);
	held = gs_dma_pool_acquire(pool, "held");
	KUNIT_ASSERT_NOT_NULL(test, held);
	gs_dma_pool_destroy(pool);
	local_irq_disable();
	gs_dma_slot_put(held);
	local_irq_enable();
	/* the device goes with the test: wait for the pool */
	gs_dma_pool_module_exit();
	KUNIT_ASSERT_EQ(test, gs_dma_pool_module_init(), 0);
}

static struct kunit_case pool_cases[] = {
	KUNIT_CASE(pool_acquire_release),
	KUNIT_CASE(pool_reuse),
	KUNIT_CASE(pool_warm_up),
	KUNIT_CASE(pool_exhaustion),
	KUNIT_CASE(pool_get_or_acquire),
	KUNIT_CASE(pool_lookup),
	KUNIT_CASE(pool_accounting),
	KUNIT_CASE(pool_pages),
	KUNIT_CASE(pool_read_while_cooling),
	KUNIT_CASE(pool_destroy_own),
	KUNIT_CASE(pool_leak_report),
	KUNIT_CASE(pool_destroy_outstanding),
	KUNIT_CASE_PARAM(pool_layout, layout_gen_params),
	KUNIT_CASE(pool_layout_impossible),
	KUNIT_CASE(pool_per_slot),
	KUNIT_CASE(pool_params),
	KUNIT_CASE(pool_direction),
	KUNIT_CASE(pool_urbs),
	KUNIT_CASE(pool_start_stop),
	KUNIT_CASE(pool_warm_up_fails),
	KUNIT_CASE(pool_stress),
	KUNIT_CASE(pool_coherent),
	{}
};

static struct kunit_suite pool_suite = {
	.name = "gs_usb_ng_pool",
	.suite_init = pool_suite_init,
	.suite_exit = pool_suite_exit,
	.init = pool_test_init,
	.exit = pool_test_exit,
	.test_cases = pool_cases,
};

kunit_test_suite(pool_suite);
