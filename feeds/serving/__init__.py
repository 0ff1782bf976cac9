"""One process and its connections: admission, conversations, and checks of reports."""
