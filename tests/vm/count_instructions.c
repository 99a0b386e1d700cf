// A plugin of QEMU's that prints how many instructions a program executed:
//   gcc -shared -fPIC -o count.so count_instructions.c && qemu-aarch64 -plugin ./count.so PROGRAM
// Blocks are counted when they are entered, so one that a fault leaves early counts as a whole. The declarations are those
// of version 1 of the interface (QEMU 7.2's qemu-plugin.h), which Debian does not package.
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

struct qemu_plugin_tb;
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*translated)(uint64_t id, struct qemu_plugin_tb *tb));
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int operation, void *counter, uint64_t by);
extern void qemu_plugin_register_atexit_cb(uint64_t id, void (*ended)(uint64_t id, void *data), void *data);

int qemu_plugin_version = 1;
static uint64_t instructions;

static void translated(uint64_t id, struct qemu_plugin_tb *tb) {
    const int add_u64 = 0;
    qemu_plugin_register_vcpu_tb_exec_inline(tb, add_u64, &instructions, qemu_plugin_tb_n_insns(tb));
}

static void ended(uint64_t id, void *data) {
    fprintf(stderr, "instructions %" PRIu64 "\n", instructions);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv) {
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
