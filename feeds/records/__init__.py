"""The ground truth over HTTP: the feeds, and the messages that were sent."""
