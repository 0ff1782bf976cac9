/*
 * Many clients of one feed in one thread: every frame is parsed, every offset
 * checked, every latency counted.
 *
 *     load [awake] PORT TARGET CLIENTS SECONDS [nats | report BLOCK_SIZE | return]
 *
 * Opens CLIENTS WebSockets and prints one line of JSON ("open"). Then it waits
 * until each has a message, warms up, prints "begin", counts for SECONDS and
 * prints "result". With SECONDS 0 it stays open until its input ends. With "nats"
 * it speaks NATS in the WebSockets; one is open once it has subscribed. With
 * "report" each client reports its blocks; the result includes their acks, and is
 * printed once no report waits for one. With "return" disconnected clients
 * reconnect, and once all are live again it prints "returned", with the times when
 * half, 99 of 100 and all of them were, in seconds of the monotonic clock. With
 * "awake" it polls without ever sleeping: waking it would cost the server time,
 * a slower one more, and only because they share a machine.
 *
 * Each offset must be the previous one plus 1, for each client from its first
 * message to its last. A higher one means that messages were lost; one that is not
 * higher is doubled. Exits with 1 and a sentence if a server closes a connection.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "nats.h"
#include "reports.h"
#include "returns.h"

enum {
    AT_ONCE = 48,     /* handshakes in progress: plain Daphne queues 50 */
    BUFFER = 1 << 18, /* bytes of one read */
    KEPT = 1 << 14,   /* bytes of a partly received frame */
    PATIENCE_S = 60,
};

/* The key of RFC 6455, section 1.3, and its answer. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ANSWER "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static struct client *clients;
static const char *target;
static int port, wanted, started, opened, speaks_nats, is_awake;

static int64_t clock_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

/* Process the answer to the upgrade; returns its size, 0 while it is incomplete. */
static size_t take_answer(struct client *c, char *data, size_t size)
{
    char *end = memmem(data, size, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (memcmp(data, "HTTP/1.1 101", 12) != 0 || !memmem(data, size, ANSWER, sizeof ANSWER - 1))
        fail("no WebSocket: %.*s", (int)(end - data), data);
    c->open = 1;
    if (speaks_nats)
        say_nats(c, NATS_HELLO, sizeof NATS_HELLO - 1);
    else
        opened++;
    return (size_t)(end - data) + 4;
}

/* Process the complete frames in the bytes; moves the rest to the front, returns its size. */
static size_t take(struct client *c, char *data, size_t kept, size_t size)
{
    size_t taken = 0;
    if (!c->open) {
        taken = take_answer(c, data, size);
        if (!c->open)
            return size;
        kept = 0;
        size -= taken;
        memmove(data, data + taken, size);
    }
    if (speaks_nats) {
        int was_subscribed = c->is_subscribed;
        size = kept + unframe(c, data + kept, size - kept);
        taken = take_nats(c, data, size);
        opened += c->is_subscribed - was_subscribed;
    } else {
        taken = take_frames(c, data, size);
    }
    memmove(data, data + taken, size - taken);
    return size - taken;
}

/* Poll for input, or first for room to write if something waits. */
static void watch(int poll, struct client *c, int how, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(poll, how, c->fd, &event);
}

static void read_from(int poll, struct client *c)
{
    static char buffer[KEPT + BUFFER];
    ssize_t got;

    memcpy(buffer, c->rest, c->kept);
    got = recv(c->fd, buffer + c->kept, BUFFER, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0 && c->follower) {
        come_back_later(c, clock_us(CLOCK_MONOTONIC));
        return;
    }
    if (got <= 0)
        fail("the server broke off: %s", got ? strerror(errno) : "end of stream");
    c->kept = take(c, buffer, c->kept, c->kept + (size_t)got);
    if (c->kept > KEPT)
        fail("a frame over %d bytes came", KEPT);
    memcpy(c->rest, buffer, c->kept);
    if (c->reporter && c->reporter->held && !flush_reports(c))
        watch(poll, c, EPOLL_CTL_MOD, EPOLLOUT);
}

/* Connect and request the upgrade; returns 0 if no server listens. */
static int call(int poll, struct client *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char request[512], more[128] = "";
    int one = 1, size, number = (int)(c - clients) + 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0)
        fail("client %d has no socket: %s", number, strerror(errno));
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0) {
        if (c->follower && returns.cut_off)
            return 0;
        fail("client %d cannot connect: %s", number, strerror(errno));
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    if (c->follower)
        size = snprintf(more, sizeof more, "&session=the-key-of-client-%06d", number);
    if (c->follower && c->follower->epoch[0])
        snprintf(more + size, sizeof more - (size_t)size, "&after=bench:%s:%lld",
                 c->follower->epoch, (long long)c->offset);
    /* A client that reports speaks the protocol; one that only receives is a plain client. */
    size = snprintf(request, sizeof request,
                    "GET %s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: " KEY "\r\n%s\r\n", target, more, port,
                    receipts.block_size ? "Sec-WebSocket-Protocol: blockfeed.v1\r\n" : "");
    if (send(c->fd, request, (size_t)size, MSG_NOSIGNAL) != size)
        fail("client %d cannot ask for its upgrade", number);
    watch(poll, c, EPOLL_CTL_ADD, EPOLLIN);
    return 1;
}

static void open_next(int poll)
{
    struct client *c = &clients[started++];

    c->offset = -1;
    c->rest = malloc(KEPT);
    if (receipts.block_size)
        c->reporter = calloc(1, sizeof *c->reporter);
    if (returns.follow)
        c->follower = calloc(1, sizeof *c->follower);
    if (!c->rest || (receipts.block_size && !c->reporter) || (returns.follow && !c->follower))
        fail("no memory for client %d", started);
    call(poll, c);
}

/* Reconnect the clients whose wait is over. */
static void call_again(int poll)
{
    int64_t now = clock_us(CLOCK_MONOTONIC);
    for (int i = 0; i < started; i++) {
        struct follower *f = clients[i].follower;
        if (!f || !f->again_us || f->again_us > now)
            continue;
        f->again_us = 0;
        if (!call(poll, &clients[i]))
            come_back_later(&clients[i], now);
    }
}

static void turn(int poll)
{
    struct epoll_event events[256];
    int count = epoll_wait(poll, events, 256, is_awake ? 0 : returns.cut_off ? 5 : 50);
    now_us = clock_us(CLOCK_REALTIME);
    if (is_awake && count == 0)
        sched_yield(); /* others share the core */
    if (returns.cut_off)
        call_again(poll);
    for (int i = 0; i < count; i++) {
        struct client *c = events[i].data.ptr;
        if (!c)
            exit(0); /* the input ended */
        if (!(events[i].events & EPOLLOUT))
            read_from(poll, c);
        else if (flush_reports(c))
            watch(poll, c, EPOLL_CTL_MOD, EPOLLIN);
    }
}

static double percentile(const uint32_t *buckets, int64_t all, double part)
{
    int64_t left = (int64_t)((double)all * part), bucket = 0;
    while (bucket < BUCKETS - 1 && (left -= buckets[bucket]) >= 0)
        bucket++;
    return (double)(bucket + 1) * BUCKET_US / 1000;
}

static double cpu_seconds(void)
{
    return (double)clock_us(CLOCK_PROCESS_CPUTIME_ID) / 1e6;
}

static void say_result(double seconds, double cpu)
{
    printf("{\"event\":\"result\",\"messages\":%lld,\"per_second\":%.1f,\"lost\":%lld,"
           "\"doubled\":%lld,\"unreadable\":%lld,\"others\":%lld,\"p50_ms\":%.2f,"
           "\"p99_ms\":%.2f,\"cpu\":%.3f",
           (long long)tally.messages, (double)tally.messages / seconds, (long long)tally.lost,
           (long long)tally.doubled, (long long)tally.unreadable, (long long)tally.others,
           percentile(tally.latencies, tally.messages, 0.5),
           percentile(tally.latencies, tally.messages, 0.99), cpu / seconds);
    if (receipts.block_size)
        printf(",\"reports\":%lld,\"acks\":%lld,\"verified\":%lld,\"acks_per_second\":%.1f,"
               "\"ack_p50_ms\":%.2f,\"ack_p99_ms\":%.2f",
               (long long)receipts.reports, (long long)receipts.acks, (long long)receipts.verified,
               (double)receipts.timed / seconds, percentile(receipts.waits, receipts.timed, 0.5),
               percentile(receipts.waits, receipts.timed, 0.99));
    puts("}");
}

int main(int count, char **words)
{
    struct epoll_event input = {.events = EPOLLIN};
    int poll = epoll_create1(0);
    int64_t began, end;
    double seconds, cpu;

    if (count > 1 && strcmp(words[1], "awake") == 0) {
        is_awake = 1;
        words++;
        count--;
    }
    if (count == 6 && strcmp(words[5], "nats") == 0)
        speaks_nats = 1;
    else if (count == 7 && strcmp(words[5], "report") == 0)
        begin_reporting(atoi(words[6]));
    else if (count == 6 && strcmp(words[5], "return") == 0)
        returns.follow = 1;
    else if (count != 5)
        fail("usage: load [awake] PORT TARGET CLIENTS SECONDS [nats | report BLOCK_SIZE | return]");
    port = atoi(words[1]);
    target = words[2];
    wanted = atoi(words[3]);
    seconds = atof(words[4]);
    clients = calloc((size_t)wanted, sizeof *clients);
    returns.live_us = calloc((size_t)wanted, sizeof *returns.live_us);
    if (!clients || !returns.live_us || poll < 0)
        fail("no memory for %d clients", wanted);

    began = clock_us(CLOCK_MONOTONIC);
    while (opened < wanted) {
        while (started < wanted && started - opened < AT_ONCE)
            open_next(poll);
        turn(poll);
        if (clock_us(CLOCK_MONOTONIC) - began > PATIENCE_S * 1000000LL)
            fail("only %d of %d clients were accepted in %d s", opened, wanted, PATIENCE_S);
    }
    printf("{\"event\":\"open\",\"per_second\":%.1f}\n",
           wanted * 1e6 / (double)(clock_us(CLOCK_MONOTONIC) - began));
    fflush(stdout);
    epoll_ctl(poll, EPOLL_CTL_ADD, STDIN_FILENO, &input);

    began = clock_us(CLOCK_MONOTONIC);
    while (tally.fed < wanted || seconds == 0) {
        turn(poll);
        if (seconds > 0 && clock_us(CLOCK_MONOTONIC) - began > PATIENCE_S * 1000000LL)
            fail("only %d of %d clients got a message in %d s", tally.fed, wanted, PATIENCE_S);
    }
    end = clock_us(CLOCK_MONOTONIC) + (int64_t)((seconds < 2 ? seconds / 2 : 1) * 1e6);
    while (clock_us(CLOCK_MONOTONIC) < end)
        turn(poll);

    puts("{\"event\":\"begin\"}");
    fflush(stdout);
    counting = 1;
    cpu = cpu_seconds();
    began = clock_us(CLOCK_MONOTONIC);
    end = began + (int64_t)(seconds * 1e6);
    while (clock_us(CLOCK_MONOTONIC) < end)
        turn(poll);
    cpu = cpu_seconds() - cpu;
    seconds = (double)(clock_us(CLOCK_MONOTONIC) - began) / 1e6;
    counting = 0;
    receipts.is_over = 1;
    end = clock_us(CLOCK_MONOTONIC) + PATIENCE_S * 1000000LL;
    while (receipts.acks < receipts.reports && clock_us(CLOCK_MONOTONIC) < end)
        turn(poll);
    say_result(seconds, cpu);
    return 0;
}
