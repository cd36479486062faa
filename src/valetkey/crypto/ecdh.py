"""Diffie-Hellman over secp256k1: the x coordinate, as ECIES and `abba-e2e-v1` use it."""

import coincurve

from valetkey.crypto.keys import PrivateKey, load_public_key

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def shared_x(key: PrivateKey, public_key: bytes) -> bytes:
    """The x coordinate of key * point, 32 bytes. `public_key` has 33 or 65 bytes; raises InvalidKey."""
    point = load_public_key(public_key)
    # The library multiplies points in variable time. Two random shares of the secret, multiplied apart and
    # added, give the same point, and neither time says anything about the secret.
    secret = int.from_bytes(key.secret())
    while True:
        share = int.from_bytes(coincurve.PrivateKey().secret)
        rest = (secret - share) % _ORDER
        # Equal partial points cannot be added by every formula, and a zero rest is no scalar.
        if rest not in (0, share):
            break
    parts = [point.multiply(share.to_bytes(32)), point.multiply(rest.to_bytes(32))]
    return bytes(coincurve.PublicKey.combine_keys(parts).format(compressed=True)[1:])
