"""
A swarm: many clients at once, in as few processes as keep pace.

Its members are clients like any other, which report their blocks and are
told what the server finds; but for logs on request they keep nothing.
"""
