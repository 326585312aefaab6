/* A guest of C: it is loaded by a multiboot loader, in 32-bit protected mode. */
#define USED __attribute__((used))

__attribute__((section(".multiboot"), used)) static const int header[] = { 0x1badb002, 0, -0x1badb002 };

static int total;

static int twice(int number)
{
    int result = number;
    result += number;
    return result;
}

static int sum(int count)
{
    if (count == 0)
        return 0;
    return count + sum(count - 1);
}

USED static void work(void)
{
    for (;;) {
        int one = twice(3);
        int two = sum(2);
        total = one + two;
        for (int i = 0; i < 100; i++)
            total += i;
        total = twice(twice(total));
    }
}

asm(".text; .globl _start; _start: mov $stack + 4096, %esp; call work; hlt; .lcomm stack, 4096");
