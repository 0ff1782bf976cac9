"""
What blocks say together: the one rule for every figure of block time and latency.

The server's pages and the client's `analyse` take their figures from here, so
that the same blocks give the same figures. Standard library only.
"""
