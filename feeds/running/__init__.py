"""What a process needs to run: threads, child processes, signals, a clock and its outages."""
