"""The time of the cluster: slots that pass with the clock, their blockhashes, and how deep a slot is."""

import time
from collections import OrderedDict
from hashlib import sha256

from valetkey.chains.faults import invalid_params
from valetkey.core.chains import LOCAL_GENESIS_HASH
from valetkey.crypto import base58

FIRST_SLOT = 1_000
SKIPPED_SLOTS = 37
"""A slot may have no block, so the height of the chain is below its slot: here by so many."""

BLOCKHASH_AGE_MAX = 150
"""For how many blocks a blockhash may be used, as on the public clusters."""

COMMITMENTS = ("processed", "confirmed", "finalized")


class Slots:
    """Where the cluster is. Slots pass by themselves; `warp` lets more of them pass at once."""

    def __init__(self, slot_milliseconds: int, finality_slots: int) -> None:
        self.slot_milliseconds = slot_milliseconds
        self._depths = dict(zip(COMMITMENTS, (0, min(1, finality_slots), finality_slots), strict=True))
        self._began = time.monotonic()
        self._began_unix = time.time()
        self._warped = 0
        self._hashes: OrderedDict[bytes, int] = OrderedDict()
        self.head = FIRST_SLOT - 1
        self.catch_up()

    def catch_up(self) -> None:
        """Let the slots pass that the clock says have passed."""
        passed = int((time.monotonic() - self._began) * 1_000) // self.slot_milliseconds
        head = FIRST_SLOT + self._warped + passed
        for slot in range(max(self.head + 1, head - BLOCKHASH_AGE_MAX), head + 1):
            self._hashes[self.blockhash(slot)] = slot
        while len(self._hashes) > BLOCKHASH_AGE_MAX + 1:
            self._hashes.popitem(last=False)
        self.head = max(self.head, head)

    def warp(self, slots: int) -> None:
        """Let so many slots pass at once, and the time that they take."""
        self._warped += slots
        self.catch_up()

    def blockhash(self, slot: int) -> bytes:
        """The blockhash of a slot, 32 bytes. Two clusters have different ones."""
        return sha256(base58.decode(LOCAL_GENESIS_HASH) + f"{self._began_unix}:{slot}".encode()).digest()

    def slot_of(self, blockhash: bytes) -> int | None:
        """The slot of a blockhash that may still be used; None for any other."""
        slot = self._hashes.get(blockhash)
        return slot if slot is not None and self.head - slot <= BLOCKHASH_AGE_MAX else None

    def at(self, commitment: object) -> int:
        """The newest slot of a commitment; finalized when none is named, as everywhere in this RPC."""
        depth = self._depths.get(commitment or "finalized") if isinstance(commitment, str | None) else None
        if depth is None:
            raise invalid_params("invalid commitment")
        return max(self.head - depth, FIRST_SLOT)

    def commitment_of(self, slot: int) -> str:
        """How sure a slot is."""
        return next(one for one in reversed(COMMITMENTS) if one == "processed" or slot <= self.at(one))

    def time_of(self, slot: int) -> int:
        """Unix seconds of a slot."""
        return int(self._began_unix + (slot - FIRST_SLOT) * self.slot_milliseconds / 1_000)


def height_of(slot: int) -> int:
    """The number of the block of a slot."""
    return slot - SKIPPED_SLOTS
