"""Sessions without a platform: the same gate and ledger in a file of one's own, grants on chain as the hard cap."""
