"""Webhooks: which secret signs them, and how they leave the house."""
