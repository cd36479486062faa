"""EVM chains: the contracts, what the platform reads of them, what wallets sign and send, and their deployment."""
