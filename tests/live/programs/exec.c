/* A process that runs itself anew, as another program. */

#include <unistd.h>

volatile int turns;

void turn(int which) { turns += which; }

int main(int count, char **words)
{
    turn(count);
    if (count == 1)
        execl("/proc/self/exe", words[0], "again", (char *)0);
    return turns;
}
