"""Parts that every process needs: threads, child processes, signals, a clock, outages."""
