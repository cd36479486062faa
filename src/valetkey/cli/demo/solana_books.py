"""The demo's books on Solana: tokens and lamports of every account that the story touches, before and after."""

from dataclasses import dataclass, field
from typing import Any

from valetkey.cli.dev_rpc import DevRpc

FINAL = {"commitment": "finalized"}


@dataclass(slots=True)
class Account:
    """One address: what it had and has. `expected` is what the story says it must gain (or lose) in base units."""

    name: str
    address: str
    units_before: int = 0
    lamports_before: int = 0
    expected: int = 0
    units_after: int = 0
    lamports_after: int = 0
    told: int = 0

    @property
    def agrees(self) -> bool:
        """Tokens as the story says, lamports as the blocks say."""
        return (
            self.units_after == self.units_before + self.expected
            and self.lamports_after == self.lamports_before + self.told
        )


@dataclass(slots=True)
class SolanaBooks:
    """Nobody outside these accounts may gain or lose a base unit, and of lamports only the fees are gone."""

    rpc: DevRpc
    accounts: dict[str, Account] = field(default_factory=dict)
    fees: int = 0

    def add(self, name: str, address: str) -> None:
        """Watch an address from now on; call it before anything moves there."""
        units, lamports = self._look(address)
        self.accounts[name] = Account(name, address, units, lamports)

    def add_new(self, name: str, address: str) -> None:
        """Watch an address that nothing was at before this story."""
        self.accounts[name] = Account(name, address)

    def expect(self, name: str, units: int) -> None:
        self.accounts[name].expected += units

    def close(self) -> None:
        """Read what everybody has now, and what every transaction of theirs moved and cost."""
        by_address = {one.address: one for one in self.accounts.values()}
        seen = set[str]()
        for one in self.accounts.values():
            for listed in self.rpc.call("getSignaturesForAddress", one.address, FINAL):
                signature = listed["signature"]
                if signature in seen:
                    continue
                seen.add(signature)
                options = {"encoding": "json", "maxSupportedTransactionVersion": 0} | FINAL
                found = self.rpc.call("getTransaction", signature, options)
                meta = found["meta"]
                self.fees += meta["fee"]
                keys = found["transaction"]["message"]["accountKeys"]
                for key, before, after in zip(keys, meta["preBalances"], meta["postBalances"], strict=True):
                    if key in by_address:
                        by_address[key].told += after - before
        for one in self.accounts.values():
            one.units_after, one.lamports_after = self._look(one.address)

    @property
    def agree(self) -> bool:
        """Every account is as expected, and both currencies add up over all of them."""
        total = list(self.accounts.values())
        return (
            all(one.agrees for one in total)
            and sum(one.units_before for one in total) == sum(one.units_after for one in total)
            and sum(one.lamports_before for one in total)
            == sum(one.lamports_after for one in total) + self.fees
        )

    def as_data(self) -> dict[str, Any]:
        """Base units (6 decimals) and lamports."""
        return {
            "agree": self.agree,
            "fees_lamports": self.fees,
            "accounts": {
                one.name: {
                    "address": one.address,
                    "usdc_before": one.units_before,
                    "usdc_after": one.units_after,
                    "usdc_expected": one.units_before + one.expected,
                    "lamports_before": one.lamports_before,
                    "lamports_after": one.lamports_after,
                }
                for one in self.accounts.values()
            },
        }

    def _look(self, address: str) -> tuple[int, int]:
        options = {"encoding": "base64"} | FINAL
        found = self.rpc.call("getAccountInfo", address, options)["value"]
        if found is None:
            return 0, 0
        units = 0
        if found["data"][0] and found["owner"].startswith("Token"):
            amount = self.rpc.call("getTokenAccountBalance", address, FINAL)["value"]["amount"]
            units = int(amount)
        return units, int(found["lamports"])
