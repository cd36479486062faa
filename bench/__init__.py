"""Speeds of what users wait for. `make bench` prints one table and writes bench/RESULTS.json."""
