"""The store of several hosts: PostgreSQL, a transaction for each batch of one owner's decisions."""
