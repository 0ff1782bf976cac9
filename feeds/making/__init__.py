"""From recipes to messages: promises, generators, and regeneration of old messages."""
