"""What became of a transaction that a wallet sent, with everything that it moved."""

from dataclasses import dataclass

from valetkey.ports.chain import Transfer


@dataclass(frozen=True, slots=True)
class Outcome:
    """A transaction in a block. `gas_used` is gas, `fee_wei` its cost; `transfers` are what tokens said they moved."""

    tx_hash: str
    succeeded: bool
    block_number: int
    gas_used: int
    fee_wei: int
    transfers: tuple[Transfer, ...] = ()

    def left(self, token: str, payer: str) -> int:
        """Base units of a token that an account paid to others."""
        return sum(
            one.units
            for one in self.transfers
            if _same(one.token, token) and _same(one.payer, payer) and not _same(one.payee, payer)
        )

    def came(self, token: str, payee: str) -> int:
        """Base units of a token that others paid an account."""
        return sum(
            one.units
            for one in self.transfers
            if _same(one.token, token) and _same(one.payee, payee) and not _same(one.payer, payee)
        )

    def paid(self, token: str, payer: str, payee: str) -> int:
        """Base units of a token that one account paid another."""
        return sum(
            one.units
            for one in self.transfers
            if _same(one.token, token) and _same(one.payer, payer) and _same(one.payee, payee)
        )


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()
