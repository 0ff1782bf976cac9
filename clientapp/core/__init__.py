"""
What the client thinks: pure, without loop, clock, socket or terminal.

Time and randomness are passed in, so every behaviour can be shown again.
"""
