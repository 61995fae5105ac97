// SPDX-License-Identifier: GPL-2.0-only
/*
 * A QEMU TCG plugin that counts what the guest executes between two marks: for each
 * translated block its address, its instructions and how often it ran. What the addresses
 * mean is worked out afterwards by report.py.
 *
 * Marks are instructions that the guest's program canload executes, recognised when they
 * are translated: "movabs $GS_MARK_x, %rax", which nothing else contains. The n-th STOP
 * writes DIR/blocks.<n>, one line a block: address, instructions, runs.
 *
 *	qemu-system-x86_64 -plugin /path/plugin.so,out=DIR
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>

#include "mark.h"
#include "plugin_api.h"

/* --- blocks ------------------------------------------------------------------------- */

struct block {
	struct block *next;
	__u64 vaddr;
	__u64 insns;
	__u64 runs;		/* since the machine started */
	__u64 before;		/* runs at the last START */
};

#define BUCKETS		262144		/* 2^18, see block_get() */

int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static struct block *buckets[BUCKETS];
static const char *out_dir = ".";
static unsigned int stops;
static bool started;

/* A block that is translated anew goes on counting where it was */
static struct block *block_get(__u64 vaddr, __u64 insns)
{
	__u64 hash = (vaddr ^ insns << 40) * 0x9e3779b97f4a7c15ull;
	struct block **head = &buckets[hash >> 46];
	struct block *b;

	for (b = *head; b; b = b->next)
		if (b->vaddr == vaddr && b->insns == insns)
			return b;

	b = calloc(1, sizeof(*b));
	if (!b)
		abort();
	b->vaddr = vaddr;
	b->insns = insns;
	b->next = *head;
	*head = b;
	return b;
}

static void on_start(unsigned int vcpu, void *data)
{
	struct block *b;
	size_t i;

	(void)vcpu;
	(void)data;
	for (i = 0; i < BUCKETS; i++)
		for (b = buckets[i]; b; b = b->next)
			b->before = b->runs;
	started = true;
}

static void on_stop(unsigned int vcpu, void *data)
{
	char path[4096];
	struct block *b;
	FILE *f;
	size_t i;

	(void)vcpu;
	(void)data;
	if (!started)
		return;
	started = false;

	snprintf(path, sizeof(path), "%s/blocks.%u", out_dir, stops++);
	f = fopen(path, "w");
	if (!f) {
		perror(path);
		exit(1);
	}
	for (i = 0; i < BUCKETS; i++)
		for (b = buckets[i]; b; b = b->next)
			if (b->runs != b->before)
				fprintf(f, "%llx %llu %llu\n", b->vaddr,
					b->insns, b->runs - b->before);
	if (fclose(f)) {
		perror(path);
		exit(1);
	}
}

/* --- translation -------------------------------------------------------------------- */

/* movabs $imm64, %rax: REX.W, B8, eight bytes */
static __u64 movabs_operand(const struct qemu_plugin_insn *insn)
{
	const unsigned char *code = qemu_plugin_insn_data(insn);
	__u64 imm;

	if (qemu_plugin_insn_size(insn) != 2 + sizeof(imm) || code[0] != 0x48 || code[1] != 0xb8)
		return 0;
	memcpy(&imm, code + 2, sizeof(imm));
	return imm;
}

static void on_translate(__u64 id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);
	struct qemu_plugin_insn *insn;
	struct block *b;

	(void)id;
	b = block_get(qemu_plugin_tb_vaddr(tb), n);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &b->runs, 1);

	for (i = 0; i < n; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		switch (movabs_operand(insn)) {
		case GS_MARK_START:
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_start,
							       QEMU_PLUGIN_CB_NO_REGS, NULL);
			break;
		case GS_MARK_STOP:
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_stop,
							       QEMU_PLUGIN_CB_NO_REGS, NULL);
			break;
		}
	}
}

int qemu_plugin_install(__u64 id, const struct qemu_info *info, int argc, char **argv)
{
	int i;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (strncmp(argv[i], "out=", 4)) {
			fprintf(stderr, "plugin: unknown argument %s\n", argv[i]);
			return -1;
		}
		out_dir = strdup(argv[i] + 4);
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	return 0;
}
