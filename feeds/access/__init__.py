"""Permission to connect: tokens, bans, and the origins of browsers."""
