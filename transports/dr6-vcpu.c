/* dr6-vcpu: the debug registers of a Xen domain's vCPUs, read and set from dom0.
 *
 *     cc -O2 -o dr6-vcpu dr6-vcpu.c -lxenctrl            (Debian: libxen-dev; elsewhere xen-devel)
 *     dr6-vcpu DOMID [VCPU:NAME=VALUE[,NAME=VALUE]...]...
 *     dr6-vcpu DOMID exit
 *
 * Sets what is named, and prints a line for each vCPU, as it is then:
 *
 *     0 dr0=0 dr1=0 dr2=0 dr3=0 dr6=ffff0ff0 dr7=400 ran=1203847
 *     1 down
 *
 * drN=HEX    sets DRN
 * wasN=HEX   this vCPU is left alone unless DRN has that value now
 * ran=N      this vCPU is left alone unless it has run for more than N nanoseconds in all
 *
 * exit       prints what Xen prints of the domain's vCPUs for debug key v (it sends that key): the VMCB or VMCS of each,
 *            as it left the guest. Xen does so for all HVM and PVH domains, into the console ring of 16 KiB and more
 *            (conring_size=); what no longer fits in is gone. Of a PV domain there is nothing.
 *
 * It uses the public functions of libxenctrl alone. The domain is paused meanwhile, so it may run before and after. Xen
 * sets a vCPU's whole context at once, as it does for gdbsx: the upper halves of the YMM registers become zero.
 *
 * SPDX-License-Identifier: MIT
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

enum { REGISTERS = 8, MOST_VCPUS = 4096, MOST_RING = 1 << 20 };

/* What is wanted of one vCPU: bit N of a set says that the value of DRN counts. */
struct wish {
    unsigned int set, was;
    uint64_t to[REGISTERS], from[REGISTERS], ran;
    int has_ran;
};

static xc_interface *xen;
static uint32_t domain;

static int failed(const char *what, uint32_t vcpu)
{
    fprintf(stderr, "dr6-vcpu: %s of vCPU %" PRIu32 ": %s\n", what, vcpu, strerror(errno));
    return 1;
}

static int usage(void)
{
    fprintf(stderr, "usage: dr6-vcpu DOMID [exit | VCPU:drN=HEX[,wasN=HEX][,ran=NANOSECONDS]...]\n");
    return 2;
}

/* A whole number in front of END, which is moved to behind it. */
static int number(const char *text, int base, char **end, uint64_t *value)
{
    if (strchr(" +-", *text))
        return 0;
    errno = 0;
    *value = strtoull(text, end, base);
    return !errno && *end != text;
}

static int is_register(char digit)
{
    return (digit >= '0' && digit <= '3') || digit == '6' || digit == '7';
}

/* "0:dr0=100040,dr7=402,was7=400" */
static int parse(char *word, uint32_t *vcpu, struct wish *wish)
{
    char *at;
    uint64_t value;

    memset(wish, 0, sizeof *wish);
    if (!number(word, 10, &at, &value) || *at != ':' || value >= MOST_VCPUS)
        return 0;
    *vcpu = (uint32_t)value;
    do {
        char *name = ++at;
        if (!(at = strchr(name, '=')))
            return 0;
        *at++ = 0;
        if (!strcmp(name, "ran")) {
            if (!number(at, 10, &at, &wish->ran))
                return 0;
            wish->has_ran = 1;
        } else if (strlen(name) == 3 && !strncmp(name, "dr", 2) && is_register(name[2])) {
            wish->set |= 1u << (name[2] - '0');
            if (!number(at, 16, &at, &wish->to[name[2] - '0']))
                return 0;
        } else if (strlen(name) == 4 && !strncmp(name, "was", 3) && is_register(name[3])) {
            wish->was |= 1u << (name[3] - '0');
            if (!number(at, 16, &at, &wish->from[name[3] - '0']))
                return 0;
        } else {
            return 0;
        }
    } while (*at == ',');
    return !*at;
}

static int apply(uint32_t vcpu, const struct wish *wish)
{
    static vcpu_guest_context_any_t context;
    xc_vcpuinfo_t info;
    uint64_t *registers = context.x64.debugreg;
    int changed = 0;

    if (xc_vcpu_getinfo(xen, domain, vcpu, &info) || xc_vcpu_getcontext(xen, domain, vcpu, &context))
        return failed("cannot read the registers", vcpu);
    if (wish->has_ran && info.cpu_time <= wish->ran)
        return 0;
    for (int n = 0; n < REGISTERS; n++) {
        if (wish->was >> n & 1 && registers[n] != wish->from[n])
            return 0;
        changed |= wish->set >> n & 1 && registers[n] != wish->to[n];
    }
    if (!changed)
        return 0;
    for (int n = 0; n < REGISTERS; n++)
        if (wish->set >> n & 1)
            registers[n] = wish->to[n];
    if (xc_vcpu_setcontext(xen, domain, vcpu, &context))
        return failed("cannot set the registers", vcpu);
    return 0;
}

/* Xen answers EINVAL for a vCPU that the domain has not, and ENODATA for one that was never started. */
static int show(void)
{
    static vcpu_guest_context_any_t context;
    const uint64_t *registers = context.x64.debugreg;
    xc_vcpuinfo_t info;

    for (uint32_t vcpu = 0; vcpu < MOST_VCPUS; vcpu++) {
        if (xc_vcpu_getcontext(xen, domain, vcpu, &context) || xc_vcpu_getinfo(xen, domain, vcpu, &info)) {
            if (errno == ENODATA) {
                printf("%" PRIu32 " down\n", vcpu);
                continue;
            }
            return vcpu && (errno == EINVAL || errno == ESRCH) ? 0 : failed("cannot read the registers", vcpu);
        }
        printf("%" PRIu32, vcpu);
        for (int n = 0; n < REGISTERS; n++)
            if (is_register((char)('0' + n)))
                printf(" dr%d=%" PRIx64, n, registers[n]);
        printf(" ran=%" PRIu64 "\n", (uint64_t)info.cpu_time);
    }
    return 0;
}

/* What the console ring has from *INDEX on, which is moved to its end. */
static int ring(char *text, unsigned int *length, uint32_t *index)
{
    *length = MOST_RING;
    return xc_readconsolering(xen, text, length, 0, 1, index);
}

/* Of what the key brings, the lines of this domain: from the one that names it to the next such, or the last. */
static int show_exits(void)
{
    static char text[MOST_RING + 1];
    char name[40], *line, *rest = text;
    unsigned int length;
    uint32_t index = 0;
    int ours = 0;

    if (ring(text, &length, &index) || xc_send_debug_keys(xen, "v") || ring(text, &length, &index)) {
        fprintf(stderr, "dr6-vcpu: Xen does not show the exits: %s\n", strerror(errno));
        return 1;
    }
    text[length] = 0;
    snprintf(name, sizeof name, ">>> Domain %" PRIu32 " <<<", domain);
    while ((line = strsep(&rest, "\n"))) {
        if (strstr(line, ">>> Domain ") || strstr(line, "**************"))
            ours = !!strstr(line, name);
        if (ours)
            printf("%s\n", line);
    }
    return 0;
}

int main(int argc, char **argv)
{
    char *end;
    uint64_t value;
    uint32_t vcpu;
    unsigned int width = 8; /* of a PV domain; the context of an HVM domain has 64 bits */
    struct wish wish;
    sigset_t all;
    int status = 0;

    if (argc < 2 || !number(argv[1], 10, &end, &value) || *end || value > DOMID_MASK)
        return usage();
    domain = (uint32_t)value;
    if (!(xen = xc_interface_open(NULL, NULL, 0))) {
        fprintf(stderr, "dr6-vcpu: there is no way to the hypervisor: %s\n", strerror(errno));
        return 1;
    }
    if (xc_domain_get_guest_width(xen, domain, &width) && errno != EOPNOTSUPP) {
        fprintf(stderr, "dr6-vcpu: domain %" PRIu32 ": %s\n", domain, strerror(errno));
        return 1;
    }
    if (width != 8) {
        fprintf(stderr, "dr6-vcpu: domain %" PRIu32 " is a 32-bit PV domain, which is not supported\n", domain);
        return 1;
    }
    if (argc == 3 && !strcmp(argv[2], "exit"))
        return show_exits();
    if (argc > 2) {
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL); /* or the domain would stay paused */
        if (xc_domain_pause(xen, domain)) {
            fprintf(stderr, "dr6-vcpu: domain %" PRIu32 " cannot be paused: %s\n", domain, strerror(errno));
            return 1;
        }
        for (int n = 2; n < argc && !status; n++)
            status = parse(argv[n], &vcpu, &wish) ? apply(vcpu, &wish) : usage();
    }
    if (!status)
        status = show();
    if (argc > 2)
        xc_domain_unpause(xen, domain);
    return status;
}
