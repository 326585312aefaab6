/* A process with a thread that runs itself anew, as another program. */

#include <pthread.h>
#include <unistd.h>

volatile int turns;

void turn(int which) { turns += which; }

void *wait_for_ever(void *nothing)
{
    for (;;)
        pause();
    return nothing;
}

int main(int count, char **words)
{
    pthread_t thread;

    if (count == 1)
        pthread_create(&thread, NULL, wait_for_ever, NULL);
    turn(count);
    if (count == 1)
        execl("/proc/self/exe", words[0], "again", (char *)0);
    return turns;
}
