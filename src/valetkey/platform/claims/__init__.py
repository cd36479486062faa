"""One-time claims: ciphertext of a session that one claimant gets, once."""
