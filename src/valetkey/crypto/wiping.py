"""Keys in memory that can be overwritten: bytearrays. Python copies texts and bytes as it likes; those cannot."""


def wipe(secret: bytearray) -> None:
    """Overwrite a secret with zeros where it lies. Its length stays, its meaning goes."""
    secret[:] = bytes(len(secret))
