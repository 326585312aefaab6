/* The first program of a Linux that is looked into: it says what the kernel says of itself, and has another program
 * watched by ptrace again and again. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define DR(n) ((void *)offsetof(struct user, u_debugreg[n]))

volatile unsigned long watched;

__attribute__((noinline)) static void store(unsigned long value)
{
    watched = value;
}

__attribute__((noinline)) static void child(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    for (unsigned long i = 0;; i++)
        store(i);
}

static void text_of(const char *path, char *text, int size)
{
    int fd = open(path, O_RDONLY), got = fd < 0 ? -1 : read(fd, text, size - 1);
    text[got > 0 ? got : 0] = 0;
    if (fd >= 0)
        close(fd);
}

static void say_tasks(void)
{
    DIR *proc = opendir("/proc");
    char path[64], text[64];
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        if (!isdigit(entry->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%.16s/comm", entry->d_name);
        text_of(path, text, sizeof text);
        printf("TASK %s %s", entry->d_name, text);
    }
}

int main(void)
{
    static char log[1 << 18];
    int status, console;
    mount("proc", "/proc", "proc", 0, 0);
    mount("dev", "/dev", "devtmpfs", 0, 0);
    console = open("/dev/console", O_RDWR);
    if (console >= 0)
        dup2(console, 1);
    int module = open("/loop.ko", O_RDONLY);
    long loaded = syscall(SYS_finit_module, module, "", 0);
    pid_t pid = fork();
    if (pid == 0)
        child();
    waitpid(pid, &status, 0);
    int failed = ptrace(PTRACE_POKEUSER, pid, DR(0), &watched) || ptrace(PTRACE_POKEUSER, pid, DR(7), 0x90001);
    say_tasks();
    int length = klogctl(3, log, sizeof log - 1);
    for (char *line = strtok(log, "\n"); length > 0 && line; line = strtok(0, "\n"))
        printf("KLOG %s\n", line);
    text_of("/proc/modules", log, sizeof log);
    printf("MODULES %s", log);
    printf("LAB-UP child=%d module=%ld ptrace=%d watched=%p\n", pid, loaded, failed, (void *)&watched);
    fflush(stdout);
    for (;;) {
        usleep(20000);
        ptrace(PTRACE_CONT, pid, 0, 0);
        waitpid(pid, &status, 0);
    }
}
