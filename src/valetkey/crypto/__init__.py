"""Cryptography: bytes in, bytes out. Keys, signatures, ECDH, AEAD, sealing and credentials.

Nothing here knows JSON, HTTP or a chain's RPC; formats that travel are in `wire`.
"""
