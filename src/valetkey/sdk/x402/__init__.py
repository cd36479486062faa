"""Payments over HTTP 402: what is paid, guarded, proven; and routes that ask for it."""
