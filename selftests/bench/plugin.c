// SPDX-License-Identifier: GPL-2.0-only
/*
 * A QEMU TCG plugin that counts what the guest executes between two marks: for each
 * translated block its address, its instructions and how often it ran. What the addresses
 * mean is worked out afterwards by report.py.
 *
 * Marks are instructions that the guest's program canload executes, recognised when they
 * are translated: "movabs $GS_MARK_x, %rax", which nothing else contains. The n-th STOP
 * writes DIR/blocks.<n>, one line a block: address, instructions, runs, bytes that a run copies.
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
	__u64 copied;		/* bytes, in one run */
	__u64 runs;		/* since the machine started */
	__u64 before;		/* runs at the last START */
};

#define BUCKETS		262144		/* 2^18, see block_get() */

int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static struct block *buckets[BUCKETS];
static const char *out_dir = ".";
static unsigned int stops;
static bool started;

/* A block that is translated anew goes on counting where it was; @is_new, one that isn't */
static struct block *block_get(__u64 vaddr, __u64 insns, bool *is_new)
{
	__u64 hash = (vaddr ^ insns << 40) * 0x9e3779b97f4a7c15ull;
	struct block **head = &buckets[hash >> 46];
	struct block *b;

	*is_new = false;
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
	*is_new = true;
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
				fprintf(f, "%llx %llu %llu %llu\n", b->vaddr, b->insns,
					b->runs - b->before, b->copied);
	if (fclose(f)) {
		perror(path);
		exit(1);
	}
}

/* --- copies ------------------------------------------------------------------------- */

#define N_REGS		16

/* Which register an operand is, in AT&T's notation, all of it or the lower half; -1 if none */
static int reg_of(const char *op)
{
	static const char * const name[] = { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di" };
	char *end;
	long i;

	if (op[0] != '%' || (op[1] != 'r' && op[1] != 'e'))
		return -1;
	for (i = 0; i < 8; i++)
		if (!strncmp(op + 2, name[i], 2))
			return i;
	i = strtol(op + 2, &end, 10);
	return end > op + 2 && i < N_REGS ? i : -1;
}

/* What follows the last comma that is not in parentheses */
static const char *last_operand(const char *text)
{
	const char *at, *last = text + strcspn(text, " ");
	int depth = 0;

	for (at = last; *at; at++) {
		depth += (*at == '(') - (*at == ')');
		if (*at == ',' && !depth)
			last = at + 1;
	}
	return last + strspn(last, " ");
}

/* Bytes that an instruction copies: a string move, or a store of what was loaded from memory
 * and not touched since. @loaded: how many such bytes each register holds. What goes to the stack
 * is spilled, not copied.
 */
static unsigned int bytes_copied(const char *text, unsigned int *loaded)
{
	const char *dst = last_operand(text), *src;
	unsigned int size = 0;
	int to, from;

	if (!strncmp(text, "rep movs", 8))
		return text[8] == 'q' ? 8 : text[8] == 'l' ? 4 : 1;
	if (!strncmp(text, "movq ", 5))
		size = 8;
	else if (!strncmp(text, "movl ", 5))
		size = 4;

	to = reg_of(dst);
	src = text + 5;
	if (to >= 0) {
		loaded[to] = size && *src != '%' && *src != '$' ? size : 0;
		return 0;
	}
	from = size ? reg_of(src) : -1;
	return from >= 0 && loaded[from] == size && !strstr(dst, "(%rsp") ? size : 0;
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
	unsigned int loaded[N_REGS] = { };
	struct qemu_plugin_insn *insn;
	struct block *b;
	bool is_new;
	char *text;

	(void)id;
	b = block_get(qemu_plugin_tb_vaddr(tb), n, &is_new);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &b->runs, 1);

	for (i = 0; i < n; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		if (is_new) {
			text = qemu_plugin_insn_disas(insn);
			b->copied += bytes_copied(text, loaded);
			free(text);
		}
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
