/*
 * Clients that collect blocks and report them, each with its digest, as in
 * docs/reference/protocol.md. Measures how long each report waits for its ack.
 *
 * A client stops reading while its socket does not accept its reports.
 */

enum {
    PENDING = 1 << 12, /* the most reports of a client without an ack */
    REPORT = 800,      /* the most bytes of a report */
};

#define PRIME ((1ULL << 61) - 1)
#define BASE 0x1E3779B97F4A7C15ULL

struct reporter {
    char epoch[EPOCH];
    int64_t block;  /* the block being collected; 0 before the welcome */
    int64_t acked;  /* the last block with an ack */
    int64_t before; /* the offset before the block */
    int64_t late, latest;
    int64_t started_us;
    int count;
    uint64_t digest;
    char *out; /* bytes that the socket has not accepted yet */
    size_t held, room;
    int64_t sent_us[PENDING]; /* by block, the time it was reported */
};

static struct {
    int block_size; /* 0: nothing is reported */
    int is_over;    /* nothing new is reported */
    int64_t reports, acks, verified;
    int64_t timed; /* acks since counting began; the other counts are since the start */
    uint32_t waits[BUCKETS]; /* times from a report to its ack, for those acks */
} receipts;
static uint32_t crcs[256];

static void begin_reporting(int block_size)
{
    receipts.block_size = block_size;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? 0xEDB88320U ^ c >> 1 : c >> 1;
        crcs[i] = c;
    }
}

static uint32_t crc32(const char *text, size_t size)
{
    uint32_t c = ~0U;
    for (size_t i = 0; i < size; i++)
        c = crcs[(c ^ (unsigned char)text[i]) & 0xFF] ^ c >> 8;
    return ~c;
}

static void queue_report(struct client *c)
{
    struct reporter *r = c->reporter;
    char text[REPORT];
    unsigned char head[8] = {0x81, 0x80 | 126}; /* masked with zeros */
    double seconds = (double)(now_us - r->started_us) / 1e6;
    double mean = (double)r->late / r->count / 1e6, max = (double)r->latest / 1e6;
    int size = snprintf(
        text, sizeof text,
        "{\"type\":\"report\",\"block\":%lld,"
        "\"text\":\"Client load received %lld block in %.3f s time\",\"feeds\":{\"bench\":"
        "{\"epoch\":\"%s\",\"first\":%lld,\"last\":%lld,\"count\":%d,\"digest\":\"%016llx\","
        "\"gaps\":0,\"duplicates\":0}},\"size\":%d,\"seconds\":%.6f,\"started_at\":%lld,"
        "\"finished_at\":%lld,\"latency\":{\"p50\":%.6f,\"p99\":%.6f,\"max\":%.6f},"
        "\"interrupted\":false}",
        (long long)r->block, (long long)r->block, seconds, r->epoch, (long long)r->before + 1,
        (long long)c->offset, r->count, (unsigned long long)r->digest, r->count, seconds,
        (long long)r->started_us, (long long)now_us, mean, max, max);

    if (r->block - r->acked >= PENDING)
        fail("%d reports of a client have no ack", PENDING);
    if (r->held + sizeof head + (size_t)size > r->room) {
        r->room = 2 * r->room + sizeof head + REPORT;
        if (!(r->out = realloc(r->out, r->room)))
            fail("no memory for reports");
    }
    head[2] = (unsigned char)(size >> 8);
    head[3] = (unsigned char)size;
    memcpy(r->out + r->held, head, sizeof head);
    memcpy(r->out + r->held + sizeof head, text, (size_t)size);
    r->held += sizeof head + (size_t)size;
    r->sent_us[r->block % PENDING] = now_us;
    receipts.reports++;
}

static void collect(struct client *c, const char *text, size_t size, int64_t at)
{
    struct reporter *r = c->reporter;
    int64_t late = now_us - at;

    if (receipts.is_over)
        return;
    if (!r->block)
        fail("a message came before the welcome");
    if (!r->count) {
        r->started_us = now_us;
        r->digest = 0, r->late = 0, r->latest = 0;
    }
    r->digest = (uint64_t)(((unsigned __int128)r->digest * BASE + crc32(text, size) + 1) % PRIME);
    r->late += late;
    r->latest = late > r->latest ? late : r->latest;
    if (++r->count < receipts.block_size)
        return;
    queue_report(c);
    r->block++;
    r->before = c->offset;
    r->count = 0;
}

static void take_welcome(struct client *c, const char *text, size_t size)
{
    read_welcome(text, size, c->reporter->epoch, &c->reporter->before);
    c->reporter->block = 1;
}

static void take_ack(struct client *c, const char *text, size_t size)
{
    struct reporter *r = c->reporter;
    int64_t block, wait;

    if (!number(after(text, size, "\"block\":"), text + size, &block))
        fail("an ack that cannot be read: %.*s", (int)size, text);
    if (block != r->acked + 1)
        fail("an ack of block %lld came after that of %lld", (long long)block, (long long)r->acked);
    r->acked = block;
    receipts.acks++;
    receipts.verified += memmem(text, size, "\"verified\"", 10) != NULL;
    if (!counting)
        return;
    receipts.timed++;
    wait = (now_us - r->sent_us[block % PENDING]) / BUCKET_US;
    receipts.waits[wait < 0 ? 0 : wait >= BUCKETS ? BUCKETS - 1 : wait]++;
}

static void take_control(struct client *c, const char *text, size_t size)
{
    if (memmem(text, size, "\"type\":\"ack\"", 12))
        take_ack(c, text, size);
    else if (memmem(text, size, "\"type\":\"welcome\"", 16))
        take_welcome(c, text, size);
    else if (memmem(text, size, "\"type\":\"error\"", 14))
        fail("the server says: %.*s", (int)size, text);
}

/* Write the waiting bytes to the socket; returns whether it accepted all. */
static int flush_reports(struct client *c)
{
    struct reporter *r = c->reporter;
    ssize_t sent = send(c->fd, r->out, r->held, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        fail("a report could not be sent: %s", strerror(errno));
    if (sent > 0) {
        r->held -= (size_t)sent;
        memmove(r->out, r->out + sent, r->held);
    }
    return r->held == 0;
}
