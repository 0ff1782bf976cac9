/*
 * Clients that reconnect by themselves and resume where they stopped. Measures when
 * each disconnected client is live again, that is, receives a prompt message.
 *
 * They wait between attempts as in clientapp/core/backoff.py.
 */

enum {
    LIVE_US = 500000, /* from a message's intended time to its receipt */
    FIRST_WAIT_US = 250000,
    LONGEST_WAIT_US = 10000000,
};

struct follower {
    char epoch[EPOCH];
    int is_cut_off;
    int64_t longest_us; /* the ceiling of the next wait */
    int64_t again_us;   /* time of the next attempt, by the monotonic clock; 0: connected */
};

static struct {
    int follow; /* whether clients reconnect */
    int cut_off;
    int known;       /* number of times in live_us */
    int64_t *live_us; /* when each was live again, by the monotonic clock */
} returns;

/* Close the connection, and reconnect later. */
static void come_back_later(struct client *c, int64_t now)
{
    struct follower *f = c->follower;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->open = 0;
    c->kept = 0;
    if (!f->is_cut_off) {
        f->is_cut_off = 1;
        f->longest_us = FIRST_WAIT_US;
        returns.cut_off++;
    }
    f->again_us = now + (int64_t)((double)rand() / RAND_MAX * (double)f->longest_us) + 1;
    f->longest_us = f->longest_us < LONGEST_WAIT_US / 2 ? 2 * f->longest_us : LONGEST_WAIT_US;
}

static void note_welcome(struct client *c, const char *text, size_t size)
{
    int64_t offset;
    if (memmem(text, size, "\"type\":\"welcome\"", 16))
        read_welcome(text, size, c->follower->epoch, &offset);
}

static int by_time(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static void note_life(struct client *c, int64_t at)
{
    struct timespec t;
    if (!c->follower->is_cut_off || now_us - at > LIVE_US)
        return;
    clock_gettime(CLOCK_MONOTONIC, &t);
    c->follower->is_cut_off = 0;
    returns.live_us[returns.known++] = t.tv_sec * 1000000LL + t.tv_nsec / 1000;
    if (--returns.cut_off)
        return;
    qsort(returns.live_us, (size_t)returns.known, sizeof *returns.live_us, by_time);
    printf("{\"event\":\"returned\",\"clients\":%d,\"half\":%.3f,\"most\":%.3f,\"all\":%.3f,"
           "\"lost\":%lld,\"doubled\":%lld}\n",
           returns.known, (double)returns.live_us[returns.known / 2] / 1e6,
           (double)returns.live_us[returns.known * 99 / 100] / 1e6,
           (double)returns.live_us[returns.known - 1] / 1e6, (long long)tally.lost,
           (long long)tally.doubled);
    fflush(stdout);
    returns.known = 0;
}
