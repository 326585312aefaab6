/* Runs commands of dom0 for whoever connects: command_server PORT.
 *
 * One command a connection. In: four bytes, big-endian, the length of what follows: the words of the command, a NUL behind
 * each; behind them the command's standard input, to the end of what the client sends. Out: packets of a kind (one byte), a length (four bytes, big-endian) and that much data: 1 is what the command
 * wrote to its standard output, 2 to standard error, and 0, the last one, its exit status in decimal, as a shell has it.
 * As with sshd, a command whose client is gone goes on. dom0 is reached through the loopback of the lab's machine alone. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS, OUT, ERR, CHILD, IN };
enum { LONGEST = 65536, MOST_WORDS = 256, CHUNK = 16384, NOT_FOUND = 127 };

static int read_whole(int fd, void *buffer, size_t size)
{
    return recv(fd, buffer, size, MSG_WAITALL) == (ssize_t)size;
}

/* A client that is gone is no reason to stop reading what the command says. */
static void send_packet(int fd, unsigned char kind, const void *data, uint32_t size)
{
    char packet[5 + CHUNK];
    size_t sent = 0, whole = 5 + (size_t)size;
    uint32_t length = htonl(size);

    packet[0] = (char)kind;
    memcpy(packet + 1, &length, 4);
    memcpy(packet + 5, data, size);
    while (sent < whole) {
        ssize_t n = send(fd, packet + sent, whole - sent, MSG_NOSIGNAL);
        if (n < 0)
            return;
        sent += (size_t)n;
    }
}

static int pass_on(int from, int to, unsigned char kind)
{
    char data[CHUNK];
    ssize_t n = read(from, data, sizeof data);

    if (n > 0)
        send_packet(to, kind, data, (uint32_t)n);
    return n > 0;
}

/* False at the end of what the client sends, and for a command that reads no more. */
static int feed(int client, int to)
{
    char data[CHUNK];
    ssize_t n = recv(client, data, sizeof data, 0), written = 0, m;

    while (written < n && (m = write(to, data + written, (size_t)(n - written))) > 0)
        written += m;
    return n > 0 && written == n;
}

static void run(char **words, int in, int out, int err)
{
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    signal(SIGPIPE, SIG_DFL);
    setsid();
    execvp(words[0], words);
    dprintf(2, "%s: %s\n", words[0], strerror(errno));
    _exit(NOT_FOUND);
}

/* Until the command has ended: what it left running may hold its output open for ever. */
static void follow(int client, pid_t child, int in, int out, int err)
{
    int pidfd = (int)syscall(SYS_pidfd_open, child, 0), status, ended = 0;
    struct pollfd ready[] = {
        [STATUS] = { .fd = -1 },
        [OUT] = { .fd = out, .events = POLLIN },
        [ERR] = { .fd = err, .events = POLLIN },
        [CHILD] = { .fd = pidfd, .events = POLLIN },
        [IN] = { .fd = client, .events = POLLIN },
    };
    char text[16];

    while (poll(ready, 5, ended ? 0 : -1) > 0) {
        for (int i = OUT; i <= ERR; i++)
            if (ready[i].revents && !pass_on(ready[i].fd, client, (unsigned char)i))
                ready[i].fd = -1;
        if (ready[CHILD].revents) {
            ended = 1;
            ready[CHILD].fd = -1;
        }
        if (ready[IN].fd >= 0 && (ended || (ready[IN].revents && !feed(client, in)))) {
            close(in);
            ready[IN].fd = -1;
        }
    }
    waitpid(child, &status, 0);
    close(out);
    close(err);
    close(pidfd);
    status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    send_packet(client, STATUS, text, (uint32_t)snprintf(text, sizeof text, "%d", status));
}

/* A thread and vfork: a copy of a process costs a dom0 that is emulated tens of milliseconds. */
static void serve(int client)
{
    char text[LONGEST];
    char *words[MOST_WORDS + 1] = { 0 };
    int in[2], out[2], err[2], count = 0;
    uint32_t size;
    pid_t child;

    if (!read_whole(client, &size, sizeof size))
        return;
    size = ntohl(size);
    if (!size || size > LONGEST || !read_whole(client, text, size) || text[size - 1])
        return;
    for (char *word = text; word < text + size && count < MOST_WORDS; word += strlen(word) + 1)
        words[count++] = word;
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || (child = vfork()) < 0)
        return;
    if (!child)
        run(words, in[0], out[1], err[1]);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    follow(client, child, in[1], out[0], err[0]);
}

static void *thread(void *argument)
{
    int client = (int)(intptr_t)argument;

    serve(client);
    close(client);
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY) };
    int on = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    signal(SIGPIPE, SIG_IGN);
    address.sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 0));
    if (setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) || bind(server, (void *)&address, sizeof address)
        || listen(server, 16)) {
        perror("command_server");
        return 1;
    }
    for (;;) {
        int client = accept4(server, 0, 0, SOCK_CLOEXEC);
        pthread_t id;
        if (client < 0)
            continue;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (pthread_create(&id, NULL, thread, (void *)(intptr_t)client))
            close(client);
        else
            pthread_detach(id);
    }
}
