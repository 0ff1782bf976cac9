"""What the other side said, made safe for a terminal, a log and a page."""


def printable(text: str) -> str:
    r"""
    Return *text* with every character that does not print escaped.

    A line feed becomes ``\n``, an escape character ``\x1b``: what one side
    sends can neither move the cursor nor forge a line on the other.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
