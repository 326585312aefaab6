/* Debug registers of a vCPU from dom0: vcpu_dr DOMID VCPU [drN=HEX]...
 *
 * Sets the registers that are named, and prints DR0 to DR3, DR6 and DR7 as xenctx does. It goes through the whole context of
 * the vCPU, so the domain has to be paused: by gdbsx, while it is stopped there, or by xl pause. */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

enum { REGISTERS = 8 };

static int failed(const char *what)
{
    fprintf(stderr, "vcpu_dr: %s: %s\n", what, strerror(errno));
    return 1;
}

static int is_register(int n)
{
    return (n >= 0 && n <= 3) || n == 6 || n == 7;
}

/* "dr0=100040": whether it is one, put into registers. */
static int assign(uint64_t *registers, const char *word)
{
    int n, used = 0;
    unsigned long long value;

    if (sscanf(word, "dr%1d=%llx%n", &n, &value, &used) != 2 || word[used] || !is_register(n))
        return 0;
    registers[n] = value;
    return 1;
}

int main(int argc, char **argv)
{
    static vcpu_guest_context_any_t context;
    xc_interface *xen;
    uint32_t domain, vcpu;
    char *end;

    if (argc < 3)
        goto usage;
    domain = (uint32_t)strtoul(argv[1], &end, 10);
    if (*end)
        goto usage;
    vcpu = (uint32_t)strtoul(argv[2], &end, 10);
    if (*end)
        goto usage;
    if (!(xen = xc_interface_open(NULL, NULL, 0)))
        return failed("there is no way to the hypervisor");
    if (xc_vcpu_getcontext(xen, domain, vcpu, &context))
        return failed("the vCPU cannot be read");
    for (int i = 3; i < argc; i++)
        if (!assign(context.x64.debugreg, argv[i]))
            goto usage;
    if (argc > 3) {
        if (xc_vcpu_setcontext(xen, domain, vcpu, &context))
            return failed("the vCPU cannot be set");
        if (xc_vcpu_getcontext(xen, domain, vcpu, &context))
            return failed("the vCPU cannot be read again");
    }
    for (int n = 0; n < REGISTERS; n++)
        if (is_register(n))
            printf("dr%d: %016llx\n", n, (unsigned long long)context.x64.debugreg[n]);
    return 0;

usage:
    fprintf(stderr, "usage: vcpu_dr DOMID VCPU [drN=HEX]...\n");
    return 2;
}
