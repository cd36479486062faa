"""An agent: the account whose money it is when it owns, and whose service it is when it sells."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """`wallet_address` is EIP-55; `public_key` the compressed key that signed its registration, 33 bytes.

    `webhook_url` is where the agent is told, as an owner, of spends that wait for its approval. `unique_labels`:
    whether no two of its living sessions may have one label; see core/labels.py. `frozen_at`: since when its sessions
    stand still.
    """

    id: str
    developer_id: str
    name: str
    description: str
    wallet_address: str
    public_key: bytes
    created_at: int
    last_seen_at: int
    webhook_url: str | None = None
    unique_labels: bool = False
    frozen_at: int | None = None
