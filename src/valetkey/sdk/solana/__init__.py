"""Solana for the SDK: the one place of it that names that chain. solders is imported by what needs it, and late."""
