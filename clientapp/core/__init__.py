"""
The client's pure logic, without loop, clock, socket or terminal.

Time and randomness are passed in, so every behaviour can be reproduced.
"""
