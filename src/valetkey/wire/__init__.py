"""What travels: JSON shapes, header names, error codes, bundles, envelopes, attestations, webhooks, registration.

The only room that knows how things are spelled on the wire. It decides nothing about spending.
"""
