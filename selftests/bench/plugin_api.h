/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the plugin uses of QEMU's interface for TCG plugins, version 1. Debian ships no header.
 */
#ifndef GS_BENCH_PLUGIN_API_H
#define GS_BENCH_PLUGIN_API_H

#include <stddef.h>

#include <linux/types.h>

#define QEMU_PLUGIN_VERSION	1

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;

enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

void qemu_plugin_register_vcpu_tb_trans_cb(__u64 id,
					   void (*cb)(__u64 id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op,
					      void *ptr, __u64 imm);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int vcpu, void *data),
					    enum qemu_plugin_cb_flags flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
__u64 qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
/* to be freed */
char *qemu_plugin_insn_disas(const struct qemu_plugin_insn *insn);

/* What QEMU looks for in a plugin */
extern int qemu_plugin_version;
int qemu_plugin_install(__u64 id, const struct qemu_info *info, int argc, char **argv);

#endif /* GS_BENCH_PLUGIN_API_H */
