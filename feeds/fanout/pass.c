/*
 * The pass over a cohort's sockets, in C; `python_pass` of passes.py beside it
 * is the same in Python, and says the rest. `python -m tools.compile` makes a
 * library of it.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/*
 * Give the same `size` bytes to each of `count` sockets, waiting for none.
 * `sent` gets what each took, 0 where that failed. Return how many did not take
 * all.
 */
size_t pass(const int *sockets, size_t count, const void *bytes, size_t size, int64_t *sent)
{
    size_t short_ones = 0;
    for (size_t i = 0; i < count; i++) {
        ssize_t taken = send(sockets[i], bytes, size, MSG_DONTWAIT);
        sent[i] = taken < 0 ? 0 : taken;
        short_ones += sent[i] != (int64_t)size;
    }
    return short_ones;
}
