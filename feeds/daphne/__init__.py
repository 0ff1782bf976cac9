"""Daphne with our WebSocket connections: the only package that knows Twisted."""
