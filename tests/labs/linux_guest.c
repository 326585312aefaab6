/* The first program of a Linux that dr6 debugs: a child of it is watched and stepped by ptrace, so that the kernel takes
 * #DBs for it, and it says how many SIGTRAPs came of them. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define DR(n) ((void *)offsetof(struct user, u_debugreg[n]))
#define WRITE_8 0x90001 /* DR7: L0, write, 8 bytes */

static volatile unsigned long watched;

static void child(int hits)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    for (int i = 0; i < hits; i++)
        watched = i;
    raise(SIGSTOP);
    for (;;)
        watched = 0;
}

static int traps(pid_t pid, int request, int most)
{
    int count = 0, status;
    while (count < most && ptrace(request, pid, 0, 0) == 0 && waitpid(pid, &status, 0) == pid) {
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
            break;
        count++;
    }
    return count;
}

/* NAME=VALUE on the kernel's command line that the kernel does not know is in the environment of its first program. */
static int number(const char *name)
{
    const char *text = getenv(name);
    return text ? atoi(text) : 0;
}

int main(void)
{
    int hits = number("hits"), steps = number("steps"), status;
    int console = open("/dev/console", O_RDWR);
    if (console >= 0)
        dup2(console, 1);
    pid_t pid = fork();
    if (pid == 0)
        child(hits);
    waitpid(pid, &status, 0);
    if (ptrace(PTRACE_POKEUSER, pid, DR(0), &watched) || ptrace(PTRACE_POKEUSER, pid, DR(7), WRITE_8))
        printf("LAB-FAILED ptrace %d\n", errno);
    int watches = traps(pid, PTRACE_CONT, hits + 1);
    ptrace(PTRACE_POKEUSER, pid, DR(7), 0);
    int stepped = traps(pid, PTRACE_SINGLESTEP, steps);
    printf("LAB watches=%d steps=%d watched=%p\n", watches, stepped, (void *)&watched);
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 0;
}
