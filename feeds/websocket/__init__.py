"""WebSockets by RFC 6455, without I/O: a request's head, the handshake, and a client's frames."""
