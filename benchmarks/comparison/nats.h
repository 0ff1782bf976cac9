/*
 * NATS over WebSocket: its text protocol in frames of any size, which may begin
 * and end anywhere in the text.
 */

#define NATS_HELLO "CONNECT {\"verbose\":false}\r\nSUB bench 1\r\nPING\r\n"
#define NATS_PONG "PONG\r\n"

static void say_nats(struct client *c, const char *text, size_t size)
{
    char frame[6 + 125] = {(char)0x82, (char)(0x80 | size)}; /* masked with zeros */
    memcpy(frame + 6, text, size);
    if (send(c->fd, frame, 6 + size, MSG_NOSIGNAL) < 0)
        fail("nothing can be said to the server: %s", strerror(errno));
}

/* Move the payloads of the frames in the bytes to their front; returns their size. */
static size_t unframe(struct client *c, char *data, size_t size)
{
    size_t taken = 0, payload = 0, part, header;
    while (taken < size) {
        if (c->left) {
            part = c->left < size - taken ? c->left : size - taken;
            memmove(data + payload, data + taken, part);
            taken += part, payload += part, c->left -= part;
            continue;
        }
        c->head[c->headed++] = (unsigned char)data[taken++];
        if (c->headed < 2)
            continue;
        header = c->head[1] == 127 ? 10 : c->head[1] == 126 ? 4 : 2;
        if (c->headed < header)
            continue;
        if (c->head[0] != 0x82)
            fail("the server sent a frame 0x%02x", c->head[0]);
        c->left = header == 2 ? c->head[1] : 0;
        for (size_t i = 2; i < header; i++)
            c->left = c->left << 8 | c->head[i];
        c->headed = 0;
    }
    return payload;
}

/* Process the complete commands in the bytes; returns their size in bytes. */
static size_t take_nats(struct client *c, const char *data, size_t size)
{
    size_t position = 0;
    for (;;) {
        const char *line = data + position, *space;
        const char *end = memchr(line, '\n', size - position);
        int64_t length;
        if (!end)
            return position;
        if (memcmp(line, "MSG ", 4) == 0) {
            space = memrchr(line, ' ', (size_t)(end - line));
            if (!number(space + 1, end, &length))
                fail("nats: %.*s", (int)(end - line), line);
            if (data + size - end <= length + 2)
                return position;
            take_text(c, end + 1, (size_t)length);
            end += length + 2;
        } else if (memcmp(line, "PONG", 4) == 0) {
            c->is_subscribed = 1;
        } else if (memcmp(line, "PING", 4) == 0) {
            say_nats(c, NATS_PONG, sizeof NATS_PONG - 1);
        } else if (memcmp(line, "INFO", 4) != 0) {
            fail("nats: %.*s", (int)(end - line), line);
        }
        position = (size_t)(end - data) + 1;
    }
}
