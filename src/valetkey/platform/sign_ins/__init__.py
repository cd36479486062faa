"""Sign-in by wallet signature (EIP-4361): a short-lived API key for whoever signs with an owner's wallet."""
