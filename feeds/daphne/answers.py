"""Answers of the server itself, to requests that no application sees."""

from __future__ import annotations

from http import HTTPStatus


def answer(status: HTTPStatus, sentence: str, *lines: str) -> bytes:
    """Return an answer with a *sentence* and more header *lines*, after which nothing is read."""
    head = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(sentence) + 1}",
        "Connection: close",
        *lines,
    ]
    return "\r\n".join([*head, "", f"{sentence}\n"]).encode()
