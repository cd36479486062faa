"""Prints what SessionAllowance costs beside its peers: whole transactions, from contracts/gas.json.

Usage: python scripts/show_gas.py
"""

import json
from pathlib import Path

SNAPSHOT = Path(__file__).resolve().parent.parent / "contracts" / "gas.json"

OURS = {
    "by the key itself": ("sliding", "0", "first_direct", "spend_direct", "revoke"),
    "relayed, with its signature": ("sliding", "0", "first_relayed", "spend_relayed", "revoke"),
    "by a child of another grant": ("sliding", "", "", "spend_direct, by a child", ""),
    "one of a batch of 100": ("sliding", "", "", "batch_100_each", ""),
    "one of 100 settled by a voucher": ("sliding", "", "voucher_100_each", "voucher_100_each, later", ""),
}
# Measured side by side in one EVM, with another ERC-20 (OpenZeppelin 5.0.2) that costs about 610 more for each
# transfer than ours.
PEERS = (
    ("plain transfer", "none", "", "34,433", "34,433", ""),
    ("approve + transferFrom", "lifetime", "46,318", "40,518", "40,518", "24,382"),
    ("EIP-3009, relayed", "per signature", "", "65,461", "65,461", ""),
    ("Coinbase Spend Permissions", "fixed period", "85,760", "92,942", "76,059", "65,284"),
    ("the same, to a payee", "fixed period", "87,082", "121,421", "107,206", ""),
    ("Safe 1.4.1 + allowance module", "fixed period", "199,848", "65,326", "65,326", "61,527"),
    ("the same, relayed", "fixed period", "", "", "72,423", ""),
    ("Ithaca/Porto account", "fixed period", "214,499", "115,294", "98,889", "56,066"),
    ("MetaMask delegation, amount", "lifetime", "0", "126,139", "109,039", "62,646"),
    ("MetaMask delegation, period", "fixed period", "0", "219,027", "121,489", "62,646"),
    ("SmartSessions, ERC-4337", "lifetime", "492,307", "188,173", "153,973", "158,644"),
)


def rows() -> list[tuple[str, ...]]:
    """Ours and the peers': name, limit, and gas of each step."""
    costs = json.loads(SNAPSHOT.read_text(encoding="utf-8"))

    def used(name: str) -> str:
        return f"{costs[name]['used']:,}" if name in costs else name

    ours = [("SessionAllowance, " + what, *map(used, cells)) for what, cells in OURS.items()]
    return [*ours, *PEERS]


def main() -> None:
    """The table."""
    for name, limit, *gas in [
        ("system", "limit", "register", "first spend", "later spend", "revoke"),
        *rows(),
    ]:
        print(f"{name:<50}{limit:<15}" + "".join(f"{cell:>13}" for cell in gas))
    unused = json.loads(SNAPSHOT.read_text(encoding="utf-8"))["revoke, unused"]["used"]
    print(f"\nrevoking a grant that was never used: {unused:,}")


if __name__ == "__main__":
    main()
