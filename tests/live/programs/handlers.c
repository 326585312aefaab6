/* A guest of C whose code faults, and whose handlers come back: to the instruction itself, and behind it. */
__attribute__((section(".multiboot"), used)) static const int header[] = { 0x1badb002, 0, -0x1badb002 };

struct gate { unsigned short low, selector, flags, high; };
struct __attribute__((packed)) table { unsigned short limit; const struct gate *gates; };

static struct gate gates[8];
static int total;
void divided(void);
void undefined(void);

static void set(int vector, void (*handler)(void))
{
    unsigned short selector;
    asm("mov %%cs, %0" : "=r"(selector));
    gates[vector] = (struct gate){ (unsigned)handler, selector, 0x8e00, (unsigned)handler >> 16 };
}

__attribute__((used)) static void work(void)
{
    set(0, divided);
    set(6, undefined);
    struct table table = { sizeof gates - 1, gates };
    asm("lidt %0" : : "m"(table));
    for (;;) {
        asm volatile("ud2");
        asm volatile("idivl %%ecx" : : "a"(6), "d"(0), "c"(0) : "memory");
        total++;
    }
}

asm(".text; .globl _start; _start: mov $stack + 4096, %esp; call work; hlt; .lcomm stack, 4096;"
    "divided: mov $1, %ecx; iret; undefined: addl $2, (%esp); iret");
