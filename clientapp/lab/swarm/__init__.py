"""
A swarm: many clients at once, in as few processes as can keep up.

Its members are ordinary clients: they report their blocks and receive the
server's verdicts. They keep nothing, except block logs on request.
"""
