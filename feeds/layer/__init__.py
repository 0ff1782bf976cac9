"""Communication between processes: channel layer, batches of feeds, embedded Valkey."""
