/*
 * The limit: the throughput of a bare loop of send(2) over the sockets.
 *
 *     limit PORT CLIENTS RATE FRAMES
 *
 * Accepts CLIENTS WebSockets, then sends each the same messages, FRAMES of
 * them in one write: RATE messages per second by a schedule, or, with RATE 0, as
 * fast as possible. With CLIENTS 0 it accepts for ever and sends nothing. It only
 * knows the handshake's answer to the one key that load.c sends, and ignores
 * everything that clients send later.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 200, HEADER = 4, MOST_CLIENTS = 20000, MOST_FRAMES = 100 };

static const char ANSWER[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static int64_t clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void sleep_until(int64_t us)
{
    struct timespec t = {us / 1000000, us % 1000000 * 1000};
    clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
}

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static int listen_at(int port)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&here, sizeof here) < 0 || listen(fd, 1024) < 0)
        give_up("listen");
    return fd;
}

/* Return the next client's socket; -1 if it did not ask for a WebSocket. */
static int accept_one(int listener)
{
    char request[4096];
    size_t size = 0;
    int one = 1, fd = accept(listener, NULL, NULL);
    if (fd < 0)
        give_up("accept");
    while (!memmem(request, size, "\r\n\r\n", 4)) {
        ssize_t got = recv(fd, request + size, sizeof request - size, 0);
        if (got <= 0) {
            close(fd);
            return -1;
        }
        size += (size_t)got;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (send(fd, ANSWER, sizeof ANSWER - 1, 0) < 0)
        give_up("answer");
    return fd;
}

/* Write one frame with a message of SIZE bytes. */
static void make_frame(char *frame, int64_t offset, int64_t at)
{
    int head = sprintf(frame + HEADER,
                       "{\"type\":\"message\",\"feed\":\"bench\",\"offset\":%lld,\"at\":%lld,"
                       "\"data\":\"", (long long)offset, (long long)at);
    memcpy(frame, (char[]){(char)0x81, 126, (char)(SIZE >> 8), (char)SIZE}, HEADER);
    memset(frame + HEADER + head, 'x', (size_t)(SIZE - head - 2));
    memcpy(frame + HEADER + SIZE - 2, "\"}", 2);
}

static void send_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, 0);
        if (sent < 0)
            exit(0); /* the clients have left */
        data += sent;
        size -= (size_t)sent;
    }
}

int main(int count, char **words)
{
    static int clients[MOST_CLIENTS];
    static char frames[MOST_FRAMES * (HEADER + SIZE)];
    int open = 0, wanted, together, listener;
    int64_t rate, started, offset = 0;

    if (count != 5) {
        fputs("usage: limit PORT CLIENTS RATE FRAMES\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    wanted = atoi(words[2]);
    rate = atoll(words[3]);
    together = atoi(words[4]);
    if (wanted > MOST_CLIENTS || together < 1 || together > MOST_FRAMES) {
        fprintf(stderr, "at most %d clients and %d frames\n", MOST_CLIENTS, MOST_FRAMES);
        return 2;
    }
    listener = listen_at(atoi(words[1]));
    while (!wanted || open < wanted) {
        int fd = accept_one(listener);
        if (fd >= 0)
            clients[open++ % MOST_CLIENTS] = fd;
    }
    started = clock_us();
    for (;;) {
        for (int i = 0; i < together; i++) {
            int64_t at = rate ? started + offset * 1000000 / rate : clock_us();
            make_frame(frames + i * (HEADER + SIZE), ++offset, at);
            if (rate)
                sleep_until(at);
        }
        for (int i = 0; i < open; i++)
            send_all(clients[i], frames, (size_t)together * (HEADER + SIZE));
    }
}
