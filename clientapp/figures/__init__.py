"""
Figures of block time and latency over many blocks, computed by one rule.

The server's pages and the client's `analyse` both use this package, so the same
blocks give the same figures. Standard library only.
"""
