"""
The messages and controls that client and server exchange, and nothing else.

Standard library only, no I/O, no clock. Of the client, the server imports only this package,
`figures` and `output` (decision 0001), so that ``clientapp/`` can be copied
out of the project as one folder. ``docs/reference/protocol.md`` is the normative
description in prose.
"""

SUBPROTOCOL = "blockfeed.v1"
"""The WebSocket subprotocol of a client that speaks the protocol; others receive messages only."""
PLAIN_SUBPROTOCOL = "blockfeed.plain"
"""The subprotocol of a plain client that offers one. Browsers need it beside a token: they end
a connection for which they offered subprotocols and the server selected none."""
