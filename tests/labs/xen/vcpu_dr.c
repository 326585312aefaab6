/* Debug registers of a vCPU from dom0: vcpu_dr DOMID VCPU [drN=HEX]...
 *
 * Prints DR0 to DR3, DR6 and DR7, after it has set those that are named. The domain is paused already: gdbsx holds it, or
 * xl pause does. A PV vCPU is set through its context, a vCPU of an HVM or PVH domain through the domain's saved state. */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>
#include <xen/hvm/save.h>

enum { REGISTERS = 8 };

struct changes {
    int wanted[REGISTERS];
    uint64_t value[REGISTERS];
};

static int failed(const char *what)
{
    fprintf(stderr, "vcpu_dr: %s: %s\n", what, strerror(errno));
    return 1;
}

static int is_dr(int n)
{
    return n <= 3 || n == 6 || n == 7;
}

static int parse(struct changes *changes, const char *word)
{
    char *end;
    int n;

    if (strncmp(word, "dr", 2) || word[2] < '0' || word[2] > '7' || word[3] != '=')
        return 0;
    n = word[2] - '0';
    changes->wanted[n] = 1;
    changes->value[n] = strtoull(word + 4, &end, 16);
    return is_dr(n) && word[4] && !*end;
}

static int show_or_set_pv(xc_interface *xen, uint32_t domain, uint32_t vcpu, const struct changes *changes, int set)
{
    static vcpu_guest_context_any_t context;

    if (xc_vcpu_getcontext(xen, domain, vcpu, &context))
        return failed("the vCPU cannot be read");
    for (int n = 0; n < REGISTERS; n++) {
        if (changes->wanted[n])
            context.x64.debugreg[n] = changes->value[n];
        if (!set && is_dr(n))
            printf("dr%d: %016llx\n", n, (unsigned long long)context.x64.debugreg[n]);
    }
    if (set && xc_vcpu_setcontext(xen, domain, vcpu, &context))
        return failed("the vCPU cannot be set");
    return 0;
}

static uint64_t *hvm_dr(struct hvm_hw_cpu *cpu, int n)
{
    uint64_t *places[REGISTERS] = { &cpu->dr0, &cpu->dr1, &cpu->dr2, &cpu->dr3, 0, 0, &cpu->dr6, &cpu->dr7 };

    return places[n];
}

/* The CPU record of the vCPU in the saved state of a domain. */
static struct hvm_hw_cpu *find(uint8_t *state, uint32_t size, uint32_t vcpu)
{
    for (uint32_t at = 0; at + sizeof(struct hvm_save_descriptor) <= size;) {
        struct hvm_save_descriptor *record = (void *)(state + at);
        if (record->typecode == HVM_SAVE_CODE(CPU) && record->instance == vcpu)
            return (void *)(record + 1);
        at += sizeof *record + record->length;
    }
    return NULL;
}

static int set_hvm(xc_interface *xen, uint32_t domain, uint32_t vcpu, const struct changes *changes)
{
    int size = xc_domain_hvm_getcontext(xen, domain, NULL, 0);
    uint8_t *state = size > 0 ? malloc((size_t)size) : NULL;
    struct hvm_hw_cpu *cpu;

    if (!state || (size = xc_domain_hvm_getcontext(xen, domain, state, (uint32_t)size)) < 0)
        return failed("the state of the domain cannot be read");
    if (!(cpu = find(state, (uint32_t)size, vcpu)))
        return failed("the domain has no such vCPU");
    for (int n = 0; n < REGISTERS; n++)
        if (changes->wanted[n])
            *hvm_dr(cpu, n) = changes->value[n];
    if (xc_domain_hvm_setcontext(xen, domain, state, (uint32_t)size))
        return failed("the state of the domain cannot be set");
    return 0;
}

int main(int argc, char **argv)
{
    struct changes changes = { 0 };
    xc_interface *xen;
    xc_dominfo_t info;
    uint32_t domain, vcpu;

    for (int i = 3; i < argc; i++)
        if (!parse(&changes, argv[i]))
            argc = 0;
    if (argc < 3) {
        fprintf(stderr, "usage: vcpu_dr DOMID VCPU [drN=HEX]...\n");
        return 2;
    }
    domain = (uint32_t)atoi(argv[1]);
    vcpu = (uint32_t)atoi(argv[2]);
    if (!(xen = xc_interface_open(NULL, NULL, 0)))
        return failed("no way to the hypervisor");
    if (xc_domain_getinfo(xen, domain, 1, &info) != 1 || info.domid != domain) {
        fprintf(stderr, "vcpu_dr: there is no domain %u\n", domain);
        return 1;
    }
    if (argc > 3 && (info.hvm ? set_hvm(xen, domain, vcpu, &changes) : show_or_set_pv(xen, domain, vcpu, &changes, 1)))
        return 1;
    memset(&changes, 0, sizeof changes);
    return show_or_set_pv(xen, domain, vcpu, &changes, 0);
}
