/* A process for debuggers behind and in front of dr6: a function, a variable, a signal, a thread, a child. */

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

volatile int total, caught;

void on_signal(int number) { caught += number; }

void bump(void) { total++; }

int add(int left, int right) { return left + right; }

void *work(void *argument)
{
    int own = *(int *)argument;
    own += 1;
    return argument;
}

int main(void)
{
    pthread_t thread;
    int seven = 7;

    signal(SIGUSR1, on_signal);
    for (int turn = 1; turn < 4; turn++)
        total = add(total, turn);
    raise(SIGUSR1);
    pthread_create(&thread, NULL, work, &seven);
    pthread_join(thread, NULL);
    if (fork() == 0)
        _exit(3);
    wait(NULL);
    printf("total %d\n", total);
    return seven;
}
