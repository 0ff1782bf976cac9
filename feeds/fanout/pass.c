/*
 * The pass over a cohort's sockets, in C. `python_pass` in passes.py does the
 * same in Python; see there. `python -m tools.compile` compiles this file to a
 * library.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/*
 * Write the same `size` bytes to each of `count` sockets without blocking. Store
 * in `sent` the number of bytes that each accepted, 0 if that failed. Return how
 * many sockets did not accept all bytes.
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
