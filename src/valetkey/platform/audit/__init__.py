"""The audit log over HTTP: its export, the key that signs it, and the feed of events."""
