"""Pure logic: no clock, no loop, no framework."""
