"""Amounts as people read them: exact, in groups of three, with their asset. Addresses in short."""

from decimal import Decimal


def grouped(amount: str) -> str:
    """An exact decimal string with commas, and with two decimals at least where it has any: 5,000 or 12.50."""
    whole, _, decimals = amount.partition(".")
    decimals = decimals.rstrip("0")
    if decimals:
        decimals = "." + decimals.ljust(2, "0")
    return f"{int(whole):,}{decimals}" if not whole.startswith("-") else f"-{grouped(amount[1:])}"


def money(amount: str | None, currency: str = "USDC") -> str:
    """An amount with its asset; None is any."""
    return f"unlimited {currency}" if amount is None else f"{grouped(amount)} {currency}"


def share(part: str | None, whole: str | None) -> int | None:
    """How many percent a part is, 0 to 100, rounded down; None where there is no whole."""
    if part is None or whole is None:
        return None
    all_of_it = Decimal(whole)
    if all_of_it <= 0:
        return 0
    return max(0, min(100, int(Decimal(part) * 100 / all_of_it)))


def short_address(address: str | None) -> str:
    """The two ends of a long name: 0x12ab…34cd."""
    if not address or len(address) <= 14:
        return address or ""
    return f"{address[:6]}…{address[-4:]}"
