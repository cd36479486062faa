"""For every endpoint a body that would do something, if whoever sends it were let in."""

from typing import Any

HASH = "0x" + "12" * 32
BODIES: dict[str, Any] = {
    "POST /api/v1/agents/session": {"budgetUsdc": 1, "expiry": 60},
    "PUT /api/v1/agents/session/{id}/recovery": {"recovery": "c3RvbGVu"},
    "POST /api/v1/services": {
        "title": "t",
        "description": "d",
        "category": "other",
        "price": 1,
        "priceUnit": "flat",
    },
    "PATCH /api/v1/services/{id}": {"price": 999},
    "POST /api/v1/transactions/{id}/signed": {"txHash": HASH},
    "POST /api/v1/transactions/{id}/fund": {"txHash": HASH},
    "POST /api/v1/transactions/{id}/deliver": {"responsePayload": {"stolen": True}},
    "POST /api/v1/transactions/{id}/dispute": {"reason": "stolen"},
    "POST /api/v1/agents/session/{id}/extend": {"expiry": 3_600},
    "POST /api/v1/agents/session/{id}/rotate": {},
    "POST /api/v1/agents/session/{id}/replay": {"policy": {"budgetUsdc": 1}},
    "POST /api/v1/policies/diff": {"a": {"budgetUsdc": 1}, "b": {"budgetUsdc": 2}},
    "PUT /api/v1/agents/label-policy": {"unique": True},
    "POST /api/v1/spends": {"amount": 1},
    "POST /api/v1/spends/check": {"amount": 1},
    "POST /api/v1/spends/{id}/signed": {"payload": "c3RvbGVu"},
    "POST /api/v1/spends/{id}/refund": {"amount": 1},
    "PUT /api/v1/agents/webhook": {"url": None},
    "POST /api/v1/agents/keys": {"name": "stolen", "scopes": ["read"]},
    "POST /api/v1/transactions/{id}/dispute/evidence": {"evidenceType": "x", "description": "stolen"},
}
_SIGNED = {"nonce": "1", "signedUntil": 2_000_000_000, "signature": "0x" + "11" * 65}
_WORDS = dict.fromkeys(("payees", "predecessor", "parent", "salt"), HASH)
_PARTIES = dict.fromkeys(("owner", "key", "token", "escrow"), "0x" + "12" * 20)
_NUMBERS = ("cap", "perSpend", "windowCap", "windowSeconds", "validAfter", "validUntil", "epoch", "unit")
BODIES |= {
    "POST /api/v1/agents/session/{id}/grant": {
        "chainId": 84532,
        "contract": "0x" + "12" * 20,
        "grant": {**_WORDS, **_PARTIES, **dict.fromkeys(_NUMBERS, "1")},
        "signature": "0x" + "11" * 65,
        "revocation": "0x" + "11" * 65,
    },
    "POST /api/v1/agents/session/{id}/allotment": {"revocation": "c3RvbGVu"},
    "POST /api/v1/claims": {
        "claimId": "clm_" + "0" * 25,
        "sessionId": "ses_stolen",
        "accessHash": "12" * 32,
        "ciphertext": "c3RvbGVu",
        "expiresAt": 2_000_000_000,
    },
    "POST /api/v1/claims/{id}/open": {"access": "12" * 32, "claimant": "34" * 32},
    "POST /api/v1/transactions/{id}/relay": {**_SIGNED, "deadline": 2_000_000_000},
    "POST /api/v1/transactions/{id}/step": {
        "step": 1,
        "signedUntil": 2_000_000_000,
        "signature": "0x" + "11" * 65,
    },
    "POST /api/v1/spends/{id}/relay": {**_SIGNED, "payee": "0x" + "12" * 20},
    "POST /api/v1/operator/transactions/{id}/dispute/resolve": {"outcome": "seller_paid"},
}
