"""From recipes to messages: what exists of each feed, who makes it, and old messages again."""
