"""What an owner does to one session that takes keys, money or signatures: each is done step by step, once."""
