"""API keys of an owner: made, listed, revoked."""
