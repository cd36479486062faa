"""The console: pages for an owner who watches sessions and stops them; a client of the public API, by the SDK alone."""
