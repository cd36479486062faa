"""Valet keys for autonomous agents: sessions whose spending limits hold.

What is public is named here and imported when it is first used, so that `import valetkey` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from valetkey.core.errors import ChainUnavailable as ChainUnavailable
    from valetkey.core.errors import EnvironmentFailure as EnvironmentFailure
    from valetkey.core.errors import InvalidAmount as InvalidAmount
    from valetkey.core.errors import InvalidInput as InvalidInput
    from valetkey.core.errors import ValetkeyError as ValetkeyError
    from valetkey.crypto.keys import PrivateKey as PrivateKey
    from valetkey.crypto.locks import AgeLock as AgeLock
    from valetkey.crypto.locks import KeyringLock as KeyringLock
    from valetkey.crypto.locks import PassphraseLock as PassphraseLock
    from valetkey.crypto.secret import Secret as Secret
    from valetkey.ports.keystore import DamagedRecord as DamagedRecord
    from valetkey.ports.keystore import KeystoreUnusable as KeystoreUnusable
    from valetkey.ports.keystore import WrongSecret as WrongSecret
    from valetkey.sdk._async.buyer import AsyncBuyerAgent as AsyncBuyerAgent
    from valetkey.sdk._async.client import AsyncClient as AsyncClient
    from valetkey.sdk._async.holds import AsyncHold as AsyncHold
    from valetkey.sdk._async.patterns import async_isolated_workloads as async_isolated_workloads
    from valetkey.sdk._async.patterns import async_refresh_daily_budget as async_refresh_daily_budget
    from valetkey.sdk._async.patterns import async_rotate_session as async_rotate_session
    from valetkey.sdk._async.patterns import async_sessions_per_chain as async_sessions_per_chain
    from valetkey.sdk._async.patterns import async_sessions_per_role as async_sessions_per_role
    from valetkey.sdk._async.seller import AsyncSellerAgent as AsyncSellerAgent
    from valetkey.sdk._sync.buyer import BuyerAgent as BuyerAgent
    from valetkey.sdk._sync.client import Client as Client
    from valetkey.sdk._sync.holds import Hold as Hold
    from valetkey.sdk._sync.patterns import isolated_workloads as isolated_workloads
    from valetkey.sdk._sync.patterns import refresh_daily_budget as refresh_daily_budget
    from valetkey.sdk._sync.patterns import rotate_session as rotate_session
    from valetkey.sdk._sync.patterns import sessions_per_chain as sessions_per_chain
    from valetkey.sdk._sync.patterns import sessions_per_role as sessions_per_role
    from valetkey.sdk._sync.seller import SellerAgent as SellerAgent
    from valetkey.sdk.actions import Approve as Approve
    from valetkey.sdk.actions import ContractCall as ContractCall
    from valetkey.sdk.actions import Swap as Swap
    from valetkey.sdk.actions import Transfer as Transfer
    from valetkey.sdk.chain_config import ChainConfig as ChainConfig
    from valetkey.sdk.checkout import Checkout as Checkout
    from valetkey.sdk.checkout import Funded as Funded
    from valetkey.sdk.errors import AlreadyClaimed as AlreadyClaimed
    from valetkey.sdk.errors import ApprovalRequired as ApprovalRequired
    from valetkey.sdk.errors import BudgetExceeded as BudgetExceeded
    from valetkey.sdk.errors import LabelTaken as LabelTaken
    from valetkey.sdk.errors import NotConfigured as NotConfigured
    from valetkey.sdk.errors import NotFound as NotFound
    from valetkey.sdk.errors import NotNarrower as NotNarrower
    from valetkey.sdk.errors import Refused as Refused
    from valetkey.sdk.errors import ServiceNotAllowed as ServiceNotAllowed
    from valetkey.sdk.errors import SessionExpired as SessionExpired
    from valetkey.sdk.errors import SessionRevoked as SessionRevoked
    from valetkey.sdk.errors import Unauthenticated as Unauthenticated
    from valetkey.sdk.errors import WindowExceeded as WindowExceeded
    from valetkey.sdk.executions import Execution as Execution
    from valetkey.sdk.limits import Limit as Limit
    from valetkey.sdk.limits import Rules as Rules
    from valetkey.sdk.manager.blocking import SessionKeyManager as SessionKeyManager
    from valetkey.sdk.manager.manager import AsyncSessionKeyManager as AsyncSessionKeyManager
    from valetkey.sdk.manager.views import ManagedSession as ManagedSession
    from valetkey.sdk.manager.views import Reclaimed as Reclaimed
    from valetkey.sdk.manager.views import Revoked as Revoked
    from valetkey.sdk.manager.views import Spent as Spent
    from valetkey.sdk.session_config import SessionConfig as SessionConfig
    from valetkey.sdk.session_info import SessionInfo as SessionInfo
    from valetkey.sdk.webhooks import WebhookReceiver as WebhookReceiver
    from valetkey.sdk.x402.channel_left import ChannelLeft as ChannelLeft
    from valetkey.wire.bundle import BundleError as BundleError
    from valetkey.wire.bundle import BundleExpired as BundleExpired
    from valetkey.wire.claim_link import ClaimLink as ClaimLink
    from valetkey.wire.envelope import Decrypted as Decrypted
    from valetkey.wire.webhooks import WebhookError as WebhookError

_WHERE = {
    "AgeLock": "valetkey.crypto.locks",
    "AlreadyClaimed": "valetkey.sdk.errors",
    "ApprovalRequired": "valetkey.sdk.errors",
    "Approve": "valetkey.sdk.actions",
    "AsyncBuyerAgent": "valetkey.sdk._async.buyer",
    "AsyncClient": "valetkey.sdk._async.client",
    "AsyncHold": "valetkey.sdk._async.holds",
    "AsyncSellerAgent": "valetkey.sdk._async.seller",
    "AsyncSessionKeyManager": "valetkey.sdk.manager.manager",
    "BudgetExceeded": "valetkey.sdk.errors",
    "BundleError": "valetkey.wire.bundle",
    "BundleExpired": "valetkey.wire.bundle",
    "BuyerAgent": "valetkey.sdk._sync.buyer",
    "ChainConfig": "valetkey.sdk.chain_config",
    "ChainUnavailable": "valetkey.core.errors",
    "ChannelLeft": "valetkey.sdk.x402.channel_left",
    "Checkout": "valetkey.sdk.checkout",
    "ClaimLink": "valetkey.wire.claim_link",
    "Client": "valetkey.sdk._sync.client",
    "ContractCall": "valetkey.sdk.actions",
    "DamagedRecord": "valetkey.ports.keystore",
    "Decrypted": "valetkey.wire.envelope",
    "EnvironmentFailure": "valetkey.core.errors",
    "Execution": "valetkey.sdk.executions",
    "Funded": "valetkey.sdk.checkout",
    "Hold": "valetkey.sdk._sync.holds",
    "InvalidAmount": "valetkey.core.errors",
    "InvalidInput": "valetkey.core.errors",
    "KeyringLock": "valetkey.crypto.locks",
    "KeystoreUnusable": "valetkey.ports.keystore",
    "LabelTaken": "valetkey.sdk.errors",
    "Limit": "valetkey.sdk.limits",
    "ManagedSession": "valetkey.sdk.manager.views",
    "NotConfigured": "valetkey.sdk.errors",
    "NotFound": "valetkey.sdk.errors",
    "NotNarrower": "valetkey.sdk.errors",
    "PassphraseLock": "valetkey.crypto.locks",
    "PrivateKey": "valetkey.crypto.keys",
    "Refused": "valetkey.sdk.errors",
    "Reclaimed": "valetkey.sdk.manager.views",
    "Revoked": "valetkey.sdk.manager.views",
    "Rules": "valetkey.sdk.limits",
    "Secret": "valetkey.crypto.secret",
    "SellerAgent": "valetkey.sdk._sync.seller",
    "ServiceNotAllowed": "valetkey.sdk.errors",
    "SessionConfig": "valetkey.sdk.session_config",
    "SessionExpired": "valetkey.sdk.errors",
    "SessionInfo": "valetkey.sdk.session_info",
    "SessionKeyManager": "valetkey.sdk.manager.blocking",
    "SessionRevoked": "valetkey.sdk.errors",
    "Spent": "valetkey.sdk.manager.views",
    "Swap": "valetkey.sdk.actions",
    "Transfer": "valetkey.sdk.actions",
    "Unauthenticated": "valetkey.sdk.errors",
    "ValetkeyError": "valetkey.core.errors",
    "WebhookError": "valetkey.wire.webhooks",
    "WebhookReceiver": "valetkey.sdk.webhooks",
    "WindowExceeded": "valetkey.sdk.errors",
    "WrongSecret": "valetkey.ports.keystore",
    "async_isolated_workloads": "valetkey.sdk._async.patterns",
    "async_refresh_daily_budget": "valetkey.sdk._async.patterns",
    "async_rotate_session": "valetkey.sdk._async.patterns",
    "async_sessions_per_chain": "valetkey.sdk._async.patterns",
    "async_sessions_per_role": "valetkey.sdk._async.patterns",
    "isolated_workloads": "valetkey.sdk._sync.patterns",
    "refresh_daily_budget": "valetkey.sdk._sync.patterns",
    "rotate_session": "valetkey.sdk._sync.patterns",
    "sessions_per_chain": "valetkey.sdk._sync.patterns",
    "sessions_per_role": "valetkey.sdk._sync.patterns",
}

__all__ = sorted(_WHERE)

if TYPE_CHECKING:
    __version__: str


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("valetkey")
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
