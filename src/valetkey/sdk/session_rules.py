"""From a SessionConfig to the rules that the gate keeps: tokens, payees, contracts, functions, routers."""

import hashlib
import json
from collections.abc import Iterable
from datetime import timedelta

from valetkey.core.chains import is_solana
from valetkey.core.errors import InvalidAmount, InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, Asset
from valetkey.core.operations import TRANSFER, approve_operation, call_operation, swap_operation
from valetkey.sdk.action_members import account, solana_account
from valetkey.sdk.amounts import Amount, usdc_units
from valetkey.sdk.config_checks import check_amounts
from valetkey.sdk.limits import Rules, names
from valetkey.sdk.planning import asset_of
from valetkey.sdk.session_config import SessionConfig, unix_seconds_of
from valetkey.wire.abi import function_of
from valetkey.wire.network import NetworkView

DAY_SECONDS = 86_400


def rules_of(
    config: SessionConfig, network: NetworkView, wallet: str | None = None, extra: Iterable[Asset] = ()
) -> Rules:
    """The rules of a session on a network. Raises InvalidInput, InvalidAmount.

    `wallet`: of a session that pays out of a grant. Where payees are named it is one of them, because what a contract
    is to take has to be brought there first.
    """
    for name in ("spending_limit", "per_transaction_limit", "daily_limit", "approval_above"):
        _check_amount(getattr(config, name), name)
    check_amounts(config, CURRENCY_DECIMALS["USDC"])
    windows = dict(config.windows)
    if config.daily_limit is not None:
        if DAY_SECONDS in windows:
            raise InvalidInput(
                "daily_limit and a window of a day are the same: give one", field="daily_limit"
            )
        windows[DAY_SECONDS] = config.daily_limit
    on_solana = is_solana(network.chain_id)
    if on_solana:
        _check_solana(config)
    contracts, operations = _contracts(config)
    payees = None
    if config.allowed_payees is not None:
        checked = solana_account if on_solana else account
        named = [checked(one, "allowed_payees") for one in names(config.allowed_payees, "allowed_payees")]
        brought = [wallet] if wallet is not None and contracts else []
        payees = sorted({*named, *contracts, *brought})
    assets = None
    if config.allowed_tokens is not None:
        tokens = names(config.allowed_tokens, "allowed_tokens")
        assets = sorted({asset_of(network, one, "allowed_tokens", extra).id for one in tokens})
    allowed = [TRANSFER]
    if config.allowed_operations is not None:
        allowed = names(config.allowed_operations, "allowed_operations")
    services: list[str] = []
    if config.allowed_services is not None:
        services = names(config.allowed_services, "allowed_services")
        if not services:
            raise InvalidInput(
                "no services at all: name one, or None for every one", field="allowed_services"
            )
    return Rules(
        budget=config.spending_limit,
        services=services,
        per_spend=config.per_transaction_limit,
        windows=windows,
        spends_max=config.spends_max,
        approval_above=config.approval_above,
        limits=config.limits,
        assets=assets,
        chains=[network.chain_id],
        payees=payees,
        operations=[*sorted(set(allowed)), *operations],
        refunds_restore=config.refunds_restore,
    )


def lifetime_of(config: SessionConfig, now: int) -> tuple[int | None, int]:
    """Beginning, None for now, and end: unix seconds. Raises InvalidInput for an end that is over, or comes first."""
    until = unix_seconds_of(config.valid_until, now)
    if until <= now:
        raise InvalidInput("valid_until is over already", code="expiry_in_the_past", field="valid_until")
    since = None if config.not_before is None else unix_seconds_of(config.not_before, now, "not_before")
    if since is not None and since >= until:
        raise InvalidInput("a session begins before it ends", field="not_before")
    return since, until


def terms_of(config: SessionConfig, rules: Rules, chain_id: int) -> str:
    """A digest of what is asked for: with the same idempotency key it has to be the same again."""
    moments = [config.valid_until, config.not_before]
    told = {
        "rules": {name: str(value) for name, value in sorted(rules.members().items())},
        "label": config.label,
        "delegate": config.delegate,
        "sole": config.sole_label,
        **({"sells": True} if config.sells else {}),
        **({"funding": config.funding} if config.funding is not None else {}),
        "chain": chain_id,
        # So long from now is another time at every call.
        "moments": [str(one) if not isinstance(one, timedelta) else f"in {one}" for one in moments],
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode("utf-8")).hexdigest()


def _check_solana(config: SessionConfig) -> None:
    for name in (
        *("allowed_services", "allowed_contracts", "allowed_routers"),
        *("allowed_operations", "limits", "sells"),
    ):
        if getattr(config, name):
            raise InvalidInput(f"a session on Solana pays USDC, and has no {name}", field=name)
    if config.spending_limit is None:
        raise InvalidInput("an allotment has a cap: give a spending_limit", field="spending_limit")
    if config.funding not in (None, "allotment"):
        raise InvalidInput("a session on Solana pays out of an allotment", field="funding")


def _check_amount(given: Amount | None, field: str) -> None:
    problem = ""
    try:
        if given is not None:
            usdc_units(given)
    except InvalidAmount as error:
        problem = str(error)
    if problem:
        raise InvalidAmount(f"{field}: {problem}", field=field)


def _contracts(config: SessionConfig) -> tuple[list[str], list[str]]:
    """The contracts that may be paid, and the operations that go with them."""
    contracts: list[str] = []
    operations: list[str] = []
    if not hasattr(config.allowed_contracts, "items"):
        raise InvalidInput("allowed_contracts are contracts with their functions", field="allowed_contracts")
    for contract, functions in config.allowed_contracts.items():
        address = account(contract, "allowed_contracts")
        contracts.append(address)
        operations.append(approve_operation(address))
        called = [function_of(one) for one in names(functions, "allowed_contracts")]
        operations += [call_operation(address, one.selector) for one in called]
    routers = [account(one, "allowed_routers") for one in names(config.allowed_routers, "allowed_routers")]
    contracts += routers
    operations += [swap_operation(one) for one in routers]
    return contracts, sorted(set(operations))
