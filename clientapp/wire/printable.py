"""Escaping that makes foreign text safe for a terminal, a log and a page."""


def printable(text: str) -> str:
    r"""
    Return *text* with every non-printable character escaped.

    A line feed becomes ``\n``, an escape character ``\x1b``, so text from the
    other side can neither move the cursor nor forge a line.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
