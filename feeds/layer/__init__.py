"""Between processes: the channel layer, the batches of feeds, the embedded Valkey."""
