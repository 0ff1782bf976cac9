"""Daphne with our WebSocket connections: the only package that uses Twisted."""
