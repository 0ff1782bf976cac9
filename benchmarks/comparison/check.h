/*
 * Received data of clients: parses frames, checks offsets and counts latencies.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    BUCKETS = 1 << 19, /* of BUCKET_US each: up to 10 s */
    BUCKET_US = 20,
    EPOCH = 16, /* bytes for an epoch */
};

#define MESSAGE "{\"type\":\"message\""
#define OFFSET "\"offset\":"
#define AT ",\"at\":"

struct reporter;
struct follower;

struct client {
    int fd;
    int open;
    int64_t offset; /* of the last message; -1 before the first */
    size_t kept;
    char *rest; /* a partly received frame, or part of NATS; at most KEPT bytes */
    /* For a client that speaks NATS, whose frames are parsed as they arrive: */
    int is_subscribed;
    size_t left; /* remaining bytes of the frame's payload */
    size_t headed;
    unsigned char head[10]; /* a partly received frame header */
    struct reporter *reporter; /* for a client that reports blocks, else NULL */
    struct follower *follower; /* for a client that reconnects, else NULL */
};

static struct {
    int fed; /* clients that have a message */
    int64_t lost, doubled, unreadable, others;
    int64_t messages; /* since counting began; the other counts are since the start */
    uint32_t latencies[BUCKETS];
} tally;
static int counting;
static int64_t now_us;
static size_t hint; /* position of OFFSET in the last message */

static _Noreturn void fail(const char *text, ...)
{
    va_list values;
    va_start(values, text);
    vfprintf(stderr, text, values);
    fputc('\n', stderr);
    exit(1);
}

/* Read digits at *text; returns their end, or NULL if there are none. */
static const char *number(const char *text, const char *end, int64_t *value)
{
    const char *from = text;
    for (*value = 0; text < end && *text >= '0' && *text <= '9'; text++)
        *value = *value * 10 + (*text - '0');
    return text == from ? NULL : text;
}

/* Return the text after NAME, which it must contain. */
static const char *after(const char *text, size_t size, const char *name)
{
    const char *found = memmem(text, size, name, strlen(name));
    if (!found)
        fail("no %s in: %.*s", name, (int)size, text);
    return found + strlen(name);
}

/* Read the feed's position from a welcome. */
static void read_welcome(const char *text, size_t size, char *epoch, int64_t *offset)
{
    const char *feed = after(text, size, "\"bench\":"), *end = text + size;
    const char *name = after(feed, (size_t)(end - feed), "\"epoch\":\"");
    const char *digits = after(feed, (size_t)(end - feed), OFFSET);
    const char *close = memchr(name, '"', (size_t)(end - name));

    if (!close || close - name >= EPOCH || !number(digits, end, offset))
        fail("a welcome that cannot be read: %.*s", (int)size, text);
    memcpy(epoch, name, (size_t)(close - name));
    epoch[close - name] = 0;
}

static void check_offset(struct client *c, int64_t offset)
{
    if (c->offset < 0)
        tally.fed++;
    else if (offset > c->offset + 1)
        tally.lost += offset - c->offset - 1;
    else if (offset <= c->offset) {
        tally.doubled++;
        return;
    }
    c->offset = offset;
}

static void collect(struct client *c, const char *text, size_t size, int64_t at);
static void take_control(struct client *c, const char *text, size_t size);
static void note_life(struct client *c, int64_t at);
static void note_welcome(struct client *c, const char *text, size_t size);

static void take_text(struct client *c, const char *text, size_t size)
{
    const char *end = text + size, *found;
    int64_t offset, at, late;

    if (size < sizeof MESSAGE || memcmp(text, MESSAGE, sizeof MESSAGE - 1) != 0) {
        tally.others++;
        if (c->reporter)
            take_control(c, text, size);
        if (c->follower)
            note_welcome(c, text, size);
        return;
    }
    if (hint + sizeof OFFSET < size && memcmp(text + hint, OFFSET, sizeof OFFSET - 1) == 0)
        found = text + hint;
    else if ((found = memmem(text, size, OFFSET, sizeof OFFSET - 1)) != NULL)
        hint = (size_t)(found - text);
    found = found ? number(found + sizeof OFFSET - 1, end, &offset) : NULL;
    if (!found || end - found < (ptrdiff_t)sizeof AT ||
        memcmp(found, AT, sizeof AT - 1) != 0 || !number(found + sizeof AT - 1, end, &at)) {
        tally.unreadable++;
        return;
    }
    check_offset(c, offset);
    if (c->reporter)
        collect(c, text, size, at);
    if (c->follower)
        note_life(c, at);
    if (!counting)
        return;
    tally.messages++;
    late = (now_us - at) / BUCKET_US;
    tally.latencies[late < 0 ? 0 : late >= BUCKETS ? BUCKETS - 1 : late]++;
}

static void answer_ping(struct client *c, const char *payload, size_t size)
{
    char pong[6 + 125] = {(char)0x8A, (char)(0x80 | size)}; /* masked with zeros */
    memcpy(pong + 6, payload, size);
    if (send(c->fd, pong, 6 + size, MSG_NOSIGNAL) < 0)
        fail("a pong could not be sent: %s", strerror(errno));
}

/* Process the complete frames in the bytes; returns their size in bytes. */
static size_t take_frames(struct client *c, const char *data, size_t size)
{
    size_t position = 0;
    for (;;) {
        const unsigned char *head = (const unsigned char *)data + position;
        size_t left = size - position, header = 2, length;
        if (left < 2)
            return position;
        length = head[1];
        if (length == 126) {
            header = 4;
            if (left < header)
                return position;
            length = (size_t)head[2] << 8 | head[3];
        } else if (length > 126) {
            fail("a frame over 64 KiB, or masked, came");
        }
        if (left < header + length)
            return position;
        position += header + length;
        if (head[0] == 0x81 || head[0] == 0x82)
            take_text(c, (const char *)head + header, length);
        else if (head[0] == 0x89 && length <= 125)
            answer_ping(c, (const char *)head + header, length);
        else
            fail("the server sent a frame 0x%02x", head[0]);
    }
}
