"""The demo's books: what everybody had before and after, in base units, and whether every one is accounted for."""

from dataclasses import dataclass, field
from typing import Any

from valetkey.cli.dev_rpc import DevRpc


@dataclass(slots=True)
class Account:
    """One address. `expected_units` is what the story says it must gain (or lose) in USDC."""

    name: str
    address: str
    units_before: int
    wei_before: int
    expected_units: int = 0
    units_after: int = 0
    wei_after: int = 0
    wei_in: int = 0
    wei_out: int = 0
    fees: int = 0

    @property
    def agrees(self) -> bool:
        """USDC as the story says; ETH as the blocks say, to the wei."""
        return (
            self.units_after == self.units_before + self.expected_units
            and self.wei_after == self.wei_before + self.wei_in - self.wei_out - self.fees
        )


@dataclass(slots=True)
class Books:
    """Every account that the story touches. Nobody outside them may gain or lose a base unit."""

    rpc: DevRpc
    usdc: str
    block: int
    accounts: dict[str, Account] = field(default_factory=dict)

    def add(self, name: str, address: str) -> None:
        """Watch an address from now on; call it before anything moves there."""
        self.accounts[name] = Account(
            name, address, self.rpc.units(self.usdc, address), self.rpc.wei(address)
        )

    def expect(self, name: str, units: int) -> None:
        self.accounts[name].expected_units += units

    def close(self) -> None:
        """Read what everybody has now, and what every transaction since the beginning moved and cost."""
        by_address = {account.address.lower(): account for account in self.accounts.values()}
        for receipt in self.rpc.receipts_since(self.block):
            value = int(receipt["value"], 16)
            sender = by_address.get(receipt["from"].lower())
            target = by_address.get((receipt["to"] or "").lower())
            if sender:
                sender.fees += int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
            if int(receipt["status"], 16) != 1:
                continue
            if sender:
                sender.wei_out += value
            if target:
                target.wei_in += value
        for account in self.accounts.values():
            account.units_after = self.rpc.units(self.usdc, account.address)
            account.wei_after = self.rpc.wei(account.address)

    @property
    def units_before(self) -> int:
        return sum(account.units_before for account in self.accounts.values())

    @property
    def units_after(self) -> int:
        return sum(account.units_after for account in self.accounts.values())

    @property
    def fees(self) -> int:
        return sum(account.fees for account in self.accounts.values())

    @property
    def wei_before(self) -> int:
        return sum(account.wei_before for account in self.accounts.values())

    @property
    def wei_after(self) -> int:
        return sum(account.wei_after for account in self.accounts.values())

    @property
    def agree(self) -> bool:
        """Every account is as expected, and both currencies add up over all of them."""
        return (
            all(account.agrees for account in self.accounts.values())
            and self.units_before == self.units_after
            and self.wei_before == self.wei_after + self.fees
        )

    def as_data(self) -> dict[str, Any]:
        """USDC in base units (6 decimals), ETH in wei."""
        return {
            "agree": self.agree,
            "usdc": {
                "before": self.units_before,
                "after": self.units_after,
                "accounts": {
                    a.name: {
                        "address": a.address,
                        "before": a.units_before,
                        "after": a.units_after,
                        "expected": a.units_before + a.expected_units,
                    }
                    for a in self.accounts.values()
                },
            },
            "eth": {
                "before": self.wei_before,
                "after": self.wei_after,
                "fees": self.fees,
                "accounts": {
                    a.name: {
                        "address": a.address,
                        "before": a.wei_before,
                        "in": a.wei_in,
                        "out": a.wei_out,
                        "fees": a.fees,
                        "after": a.wei_after,
                    }
                    for a in self.accounts.values()
                },
            },
        }
