/* dr6-plugin: every instruction of a vCPU under QEMU's TCG, with registers and memory, into memory that dr6 reads.
 *
 *     cc -O2 -fPIC -shared -DDR6_API=N -o dr6-plugin.so dr6-plugin.c        (dr6 plugin does that)
 *     qemu-system-x86_64 -plugin ./dr6-plugin.so ...
 *
 * N is 1 for QEMU 6.0 to 8.2, and 2 from 9.0 on: the level of the plugin interface that QEMU is asked for. What has
 * changed since is told from the level that QEMU says it has (1 to 6 are known; any other is refused).
 *
 * The memory is a memfd of the name dr6-plugin, which dr6 finds in /proc/PID/fd; its layout is struct control, and
 * gdbstub/backends/qemu/tcg_plugin/ring.py reads it. Nothing is recorded unless dr6 says so. QEMU has to run one
 * instruction a block meanwhile (one-insn-per-tb): only such blocks are looked at, so the others cost nothing, and in
 * front of a block, QEMU has all registers where they can be read.
 *
 * The declarations are written from the interface's description; QEMU 6.0 to 8.2 has no registers in it, so two of its
 * functions that are no part of it are called there (dr6 compares what they say with the stub).
 *
 * SPDX-License-Identifier: MIT
 */

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define WEAK __attribute__((weak))

/* --- what QEMU and glib offer ------------------------------------------------------------------------------------ */

enum { NEWEST = 6, COPIES_CODE = 3, READS_SAY_BOOL = 6 };
enum { READS_REGISTERS = 1, READS_AND_WRITES = 3 };

struct told { /* qemu_info_t */
    const char *target;
    struct {
        int least, now;
    } version;
    bool whole_system;
    struct {
        int vcpus, most_vcpus;
    } system;
};

struct bytes { /* GByteArray, GArray */
    uint8_t *data;
    unsigned int length;
};

struct shown_register { /* qemu_plugin_reg_descriptor */
    void *handle;
    const char *name, *feature;
};

struct value { /* qemu_plugin_mem_value; type is the power of 2 of its size in bytes */
    int type;
    union {
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;
        uint64_t u64;
        struct {
            uint64_t low, high;
        } u128;
    } data;
};

typedef void on_block(uint64_t id, void *block);
typedef void on_run(unsigned int vcpu, void *mine);
typedef void on_memory(unsigned int vcpu, uint32_t info, uint64_t address, void *mine);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, on_block *);
void qemu_plugin_register_flush_cb(uint64_t id, void (*)(uint64_t id));
void qemu_plugin_register_vcpu_insn_exec_cb(void *instruction, on_run *, int flags, void *mine);
void qemu_plugin_register_vcpu_mem_cb(void *instruction, on_memory *, int flags, int which, void *mine);
size_t qemu_plugin_tb_n_insns(const void *block);
void *qemu_plugin_tb_get_insn(const void *block, size_t at);
uint64_t qemu_plugin_insn_vaddr(const void *instruction);
size_t qemu_plugin_insn_size(const void *instruction);
/* which of the two it is, the level tells */
const void *code_in_place(const void *instruction) __asm__("qemu_plugin_insn_data");
size_t copy_code(const void *instruction, void *to, size_t most) __asm__("qemu_plugin_insn_data");
unsigned int qemu_plugin_mem_size_shift(uint32_t info);
bool qemu_plugin_mem_is_store(uint32_t info);
WEAK struct value qemu_plugin_mem_get_value(uint32_t info);
WEAK struct bytes *qemu_plugin_get_registers(void);
WEAK int qemu_plugin_read_register(void *handle, struct bytes *to);
WEAK void *qemu_get_cpu(int vcpu);
WEAK int x86_cpu_gdb_read_register(void *cpu, struct bytes *to, int number);
unsigned int g_array_get_element_size(struct bytes *);
struct bytes *g_byte_array_new(void);
struct bytes *g_byte_array_set_size(struct bytes *, unsigned int size);

EXPORT int qemu_plugin_version = DR6_API;

/* --- the memory that dr6 reads ------------------------------------------------------------------------------------ */

enum { LAYOUT = 1, REGISTERS = 33, SMALL_FIRST = 17, SMALL_END = 24, MOST_CODE = 16 };
enum { ROWS = 1 << 14, ACCESSES = 1 << 16, CODES = 1 << 13, PAGE = 4096 };

struct row { /* in front of an instruction; accesses: how many there were until then */
    uint64_t pc, accesses;
    uint32_t code, unused;
    uint64_t registers[REGISTERS];
};

struct access {
    uint64_t address, value;
    uint8_t size, write, unused[6];
};

struct code {
    uint64_t address;
    uint8_t size, bytes[MOST_CODE], unused[7];
};

struct control {
    char magic[8];
    uint32_t layout, level, has_registers, has_values, registers, rows, accesses, codes;
    /* dr6 writes these */
    uint32_t armed, vcpu; /* another number whenever it is armed; 0: not at all */
    uint64_t reader, limit; /* dr6's process; how many rows there may be */
    uint64_t rows_taken, accesses_taken, codes_taken;
    uint64_t apart[5]; /* another cache line */
    /* the vCPU writes these */
    uint64_t rows_made, accesses_made, codes_made, held, failed;
};

static struct control *control;
static struct row *rows;
static struct access *accesses;
static struct code *codes;

#define get(what) __atomic_load_n(&(what), __ATOMIC_ACQUIRE)
#define set(what, to) __atomic_store_n(&(what), (to), __ATOMIC_RELEASE)

static bool make_memory(void)
{
    size_t size = PAGE + ROWS * sizeof *rows + ACCESSES * sizeof *accesses + CODES * sizeof *codes;
    int file = memfd_create("dr6-plugin", MFD_CLOEXEC);
    char *memory;

    if (file < 0 || ftruncate(file, (off_t)size))
        return false;
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED)
        return false;
    control = (struct control *)memory;
    rows = (struct row *)(memory + PAGE);
    accesses = (struct access *)(rows + ROWS);
    codes = (struct code *)(accesses + ACCESSES);
    return true;
}

/* --- waiting for dr6 ---------------------------------------------------------------------------------------------- */

static uint32_t running; /* the number under which rows are made */

/* Wait a little. False once nothing is to be recorded any more, also since dr6 is gone. */
static bool nap(unsigned int *times)
{
    static const struct timespec little = {0, 50000};

    nanosleep(&little, NULL);
    if (++*times % 256 == 0 && kill((pid_t)get(control->reader), 0) && errno == ESRCH)
        set(control->armed, 0);
    return get(control->armed) == running;
}

static bool room(uint64_t *made, uint64_t *taken, uint64_t most)
{
    unsigned int times = 0;

    while (*made - get(*taken) >= most)
        if (!nap(&times))
            return false;
    return true;
}

static bool within_limit(void)
{
    unsigned int times = 0;
    bool goes_on = true;

    if (control->rows_made < get(control->limit))
        return true;
    set(control->held, 1);
    while (goes_on && control->rows_made >= get(control->limit))
        goes_on = nap(&times);
    set(control->held, 0);
    return goes_on;
}

/* --- registers ---------------------------------------------------------------------------------------------------- */

static const char *const names[REGISTERS] = {
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
    "rip", "eflags", "cs", "ss", "ds", "es", "fs", "gs", "fs_base", "gs_base", "k_gs_base",
    "cr0", "cr2", "cr3", "cr4", "cr8", "efer",
}; /* as gdb numbers them, from 0 */
static void *handles[REGISTERS];
static void *cpu;
static struct bytes *buffer;

static bool find_registers(unsigned int vcpu)
{
    struct bytes *found;
    unsigned int at, which, known = 0;

    if (buffer == NULL)
        buffer = g_byte_array_new();
    if (!qemu_plugin_get_registers || !qemu_plugin_read_register) {
        cpu = qemu_get_cpu && x86_cpu_gdb_read_register ? qemu_get_cpu((int)vcpu) : NULL;
        return cpu != NULL;
    }
    found = qemu_plugin_get_registers();
    for (which = 0; which < REGISTERS; which++)
        for (at = 0; at < found->length; at++) {
            struct shown_register *one = (struct shown_register *)(found->data + at * g_array_get_element_size(found));
            if (strcmp(one->name, names[which]) == 0) {
                handles[which] = one->handle;
                known++;
                break;
            }
        }
    return known == REGISTERS;
}

static bool read_registers(uint64_t *to)
{
    const uint8_t *from;
    int which;

    g_byte_array_set_size(buffer, 0);
    for (which = 0; which < REGISTERS; which++)
        if (cpu)
            x86_cpu_gdb_read_register(cpu, buffer, which);
        else
            qemu_plugin_read_register(handles[which], buffer);
    if (buffer->length != (REGISTERS - (SMALL_END - SMALL_FIRST)) * 8 + (SMALL_END - SMALL_FIRST) * 4)
        return false;
    from = buffer->data;
    for (which = 0; which < REGISTERS; which++) {
        size_t size = which >= SMALL_FIRST && which < SMALL_END ? 4 : 8;
        to[which] = 0;
        memcpy(&to[which], from, size);
        from += size;
    }
    return true;
}

/* --- what is recorded --------------------------------------------------------------------------------------------- */

struct known { /* an instruction that QEMU has translated */
    struct code code;
    uint32_t armed, number; /* what it is called, where it was called something since it was armed */
    struct known *next;
};

static struct known *all;

static void instruction(unsigned int vcpu, void *mine)
{
    struct known *known = mine;
    uint32_t armed = get(control->armed);
    struct row *row;

    if (!armed || vcpu != control->vcpu)
        return;
    if (armed != running) {
        running = armed;
        control->has_registers = find_registers(vcpu);
    }
    if (!within_limit() || !room(&control->rows_made, &control->rows_taken, ROWS))
        return;
    if (known->armed != armed) {
        if (!room(&control->codes_made, &control->codes_taken, CODES))
            return;
        codes[control->codes_made % CODES] = known->code;
        known->number = (uint32_t)control->codes_made;
        known->armed = armed;
        set(control->codes_made, control->codes_made + 1);
    }
    row = &rows[control->rows_made % ROWS];
    row->pc = known->code.address;
    row->accesses = control->accesses_made;
    row->code = known->number;
    if (control->has_registers && !read_registers(row->registers))
        set(control->failed, 1);
    set(control->rows_made, control->rows_made + 1);
}

static void one_access(uint64_t address, uint64_t value, uint8_t size, bool write)
{
    struct access *access;

    if (!room(&control->accesses_made, &control->accesses_taken, ACCESSES))
        return;
    access = &accesses[control->accesses_made % ACCESSES];
    access->address = address;
    access->value = value;
    access->size = size;
    access->write = write;
    set(control->accesses_made, control->accesses_made + 1);
}

static void memory(unsigned int vcpu, uint32_t info, uint64_t address, void *mine)
{
    bool write = qemu_plugin_mem_is_store(info);
    uint8_t size = (uint8_t)(1u << qemu_plugin_mem_size_shift(info));
    struct value value = {0};

    (void)mine;
    if (get(control->armed) != running || !running || vcpu != control->vcpu)
        return;
    if (!control->has_values) {
        one_access(address, 0, size, write);
        return;
    }
    value = qemu_plugin_mem_get_value(info);
    switch (size) {
    case 1:
        one_access(address, value.data.u8, size, write);
        break;
    case 2:
        one_access(address, value.data.u16, size, write);
        break;
    case 4:
        one_access(address, value.data.u32, size, write);
        break;
    case 8:
        one_access(address, value.data.u64, size, write);
        break;
    default: /* 16 bytes are two accesses, for their values */
        one_access(address, value.data.u128.low, 8, write);
        one_access(address + 8, value.data.u128.high, 8, write);
    }
}

static void block(uint64_t id, void *translated)
{
    void *first = qemu_plugin_tb_get_insn(translated, 0);
    struct known *known;
    size_t size = qemu_plugin_insn_size(first);

    (void)id;
    if (qemu_plugin_tb_n_insns(translated) != 1 || (known = calloc(1, sizeof *known)) == NULL)
        return;
    if (size > MOST_CODE)
        size = MOST_CODE;
    known->code.address = qemu_plugin_insn_vaddr(first);
    known->code.size = (uint8_t)size;
    if (control->level >= COPIES_CODE)
        copy_code(first, known->code.bytes, size);
    else
        memcpy(known->code.bytes, code_in_place(first), size);
    known->next = __atomic_load_n(&all, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&all, &known->next, known, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
    qemu_plugin_register_vcpu_insn_exec_cb(first, instruction, READS_REGISTERS, known);
    qemu_plugin_register_vcpu_mem_cb(first, memory, 0, READS_AND_WRITES, NULL);
}

/* All blocks are gone, and no vCPU runs. */
static void forget(uint64_t id)
{
    (void)id;
    while (all) {
        struct known *next = all->next;
        free(all);
        all = next;
    }
}

EXPORT int qemu_plugin_install(uint64_t id, const struct told *told, int count, char **words)
{
    (void)count;
    (void)words;
    if (told->version.now > NEWEST) {
        fprintf(stderr, "dr6-plugin: level %d of QEMU's plugin interface is not known; 1 to %d are.\n",
                told->version.now, NEWEST);
        return 1;
    }
    if (!told->whole_system || strcmp(told->target, "x86_64")) {
        fprintf(stderr, "dr6-plugin: it is for qemu-system-x86_64, not for %s.\n", told->target);
        return 1;
    }
    if (!make_memory()) {
        fprintf(stderr, "dr6-plugin: no memory to share: %s\n", strerror(errno));
        return 1;
    }
    control->layout = LAYOUT;
    control->level = (uint32_t)told->version.now;
    control->has_values = qemu_plugin_mem_get_value != NULL;
    control->has_registers = qemu_plugin_get_registers || (qemu_get_cpu && x86_cpu_gdb_read_register);
    control->registers = REGISTERS;
    control->rows = ROWS;
    control->accesses = ACCESSES;
    control->codes = CODES;
    memcpy(control->magic, "dr6ring", 8);
    qemu_plugin_register_vcpu_tb_trans_cb(id, block);
    qemu_plugin_register_flush_cb(id, forget);
    return 0;
}
