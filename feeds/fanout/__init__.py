"""From batches to sockets: streams without holes, and the same frames for many clients."""
