"""What a payer remembers of its channels, in the state folder, and how it counts: before anything is signed.

A channel is opened by one deposit and never topped up. No voucher says more than its requests asked for, each counted
once however often it is tried; so whatever a seller says of totals, it gets no more.
"""

import hashlib
import secrets
import time

import msgspec

from valetkey.sdk.state import StateFolder, StateUnusable
from valetkey.sdk.x402.notes import Note, Notes
from valetkey.wire.channels import ChannelConfig, ChannelDeposit

ROOM = "x402-channels"
SELLER_CHARS = 40
OPEN, SPENT, CLOSING, CLOSED = "open", "spent", "closing", "closed"
"""A channel that pays; one that has too little for what is asked; one whose rest is asked back; one that came back."""


class Pending(msgspec.Struct, frozen=True):
    """A voucher that is about to be signed: of which note, for what total; what was counted before it."""

    note: str
    total: int
    base: int
    asked: int


class Channel(msgspec.Struct, frozen=True):
    """A channel: its deposit, and what was counted. All amounts are base units of its token.

    `base` is the total that the next voucher builds on; `asked` what all its requests asked for together, each counted
    once: no voucher is for more. `landed`: the chain showed its deposit. `method` and `url` are of the request that
    opened it, `opened_at` is unix nanoseconds; `told`: the ledger knows of what came back.
    """

    deposit: ChannelDeposit
    spend_id: str
    base: int
    asked: int
    method: str
    url: str
    opened_at: int
    landed: bool = False
    state: str = OPEN
    told: bool = False
    pending: Pending | None = None

    def __repr__(self) -> str:
        return f"<Channel {self.deposit.channel_id} {self.state}>"

    @property
    def config(self) -> ChannelConfig:
        """What the contract knows it by."""
        return self.deposit.channel

    @property
    def units(self) -> int:
        """What it was opened with."""
        return int(self.deposit.amount)

    def asks(self, note: str, units: int) -> "Channel | None":
        """Count a new request of so many units; None when the channel has not that much left.

        Until the chain shows the deposit nothing can have been claimed, and totals begin anew.
        """
        base = self.base if self.landed else 0
        total = base + units
        if total > self.units:
            return None
        pending = Pending(note, total, self.base, self.asked)
        return msgspec.structs.replace(self, base=total, asked=self.asked + units, pending=pending)

    def asks_again(self, note: str, charged: int, units: int) -> "Channel | None":
        """Count a request that was counted before, on top of what its seller says it charged; None for too much."""
        total = charged + units
        if total > min(self.asked, self.units):
            return None
        pending = Pending(note, total, self.base, self.asked)
        return msgspec.structs.replace(self, base=total, pending=pending)

    def signed(self) -> "Channel":
        """The voucher that was about to be signed is, and is kept."""
        return msgspec.structs.replace(self, pending=None)

    def unsigned(self) -> "Channel":
        """It was not, and was sent to nobody: what it would have counted does not."""
        if self.pending is None:
            return self
        return msgspec.structs.replace(self, base=self.pending.base, asked=self.pending.asked, pending=None)


class Channels:
    """The channels of one state folder, by the seller that they are with. Change one only in its seller's turn."""

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder
        self._notes = Notes(folder)

    def try_turn(self, seller: str) -> int | None:
        """The turn of one payer with a seller, in this process or another; None while somebody else has it."""
        return self._folder.try_lock(f"x402-{seller}")

    def end_turn(self, turn: int) -> None:
        """Let the next one pay."""
        self._folder.unlock(turn)

    def new(self, seller: str) -> str:
        """A name for a channel that is opened now."""
        self._folder.check_writable(ROOM)
        return f"{seller}-{secrets.token_hex(8)}"

    def keep(self, name: str, channel: Channel) -> None:
        """On the disk when this returns."""
        self._folder.write(ROOM, name, msgspec.json.encode(channel))

    def drop(self, name: str) -> None:
        """Nothing is in it any more, and the ledger knows."""
        self._folder.remove(ROOM, name)

    def read(self, name: str) -> Channel | None:
        """A channel by its name; None when it was never kept. A voucher that was cut off is counted, or not, here."""
        kept = self._folder.read(ROOM, name)
        if kept is None:
            return None
        try:
            channel = msgspec.json.decode(kept, type=Channel)
        except msgspec.MsgspecError:
            raise StateUnusable("a channel in the state folder cannot be read") from None
        return self._settled(name, channel)

    def with_seller(self, seller: str) -> list[tuple[str, Channel]]:
        """The channels that pay a seller, the oldest first."""
        return [pair for pair in self._all(f"{seller}-") if pair[1].state == OPEN]

    def of_wallet(self, wallet: str) -> list[tuple[str, str]]:
        """Names of all channels of a wallet, each with its seller's, the oldest first."""
        found = self._all("")
        return [(name, name[:SELLER_CHARS]) for name, one in found if one.config.payer == wallet]

    def _all(self, prefix: str) -> list[tuple[str, Channel]]:
        names = [name for name in self._folder.names(ROOM) if name.startswith(prefix)]
        found = [(name, channel) for name in names if (channel := self.read(name)) is not None]
        return sorted(found, key=lambda pair: pair[1].opened_at)

    def _settled(self, name: str, channel: Channel) -> Channel:
        pending = channel.pending
        if pending is None:
            return channel
        note: Note | None = self._notes.of_name(pending.note)
        is_kept = note is not None and (note.channel, note.total) == (name, pending.total)
        return channel.signed() if is_kept else channel.unsigned()


def seller_of(wallet: str, origin: str, payee: str) -> str:
    """What a seller's channels are named by: a wallet pays one payee of one host."""
    text = f"{wallet.lower()} {origin} {payee.lower()}"
    return hashlib.sha256(text.encode()).hexdigest()[:SELLER_CHARS]


def opened(deposit: ChannelDeposit, spend_id: str, total: int, method: str, url: str) -> Channel:
    """A channel that its first voucher opens."""
    return Channel(deposit, spend_id, total, total, method, url, time.time_ns())
