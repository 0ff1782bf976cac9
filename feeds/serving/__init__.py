"""One process and its connections: who is admitted, what is said, and which reports are true."""
