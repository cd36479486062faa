"""A seller that keeps no rule: it answers any bytes, keeps every authorisation that it sees, and takes what it can."""

import base64
import binascii
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from eth_abi import encode  # type: ignore[attr-defined]

from valetkey.cli.dev_rpc import DevRpc
from valetkey.core.errors import ChainUnavailable
from valetkey.crypto.keys import PrivateKey, keccak256

TAKE = keccak256(b"transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)")[:4]
TAKE_TYPES = ["address", "address", "uint256", "uint256", "uint256", "bytes32", "bytes"]
PERMIT = "((address,uint256),uint256,uint256)"
EXACT_WITNESS = "(address,uint256)"
UPTO_WITNESS = "(address,address,uint256)"
Json = dict[str, Any]


@dataclass
class Asked:
    """One request. `payment` is the payment header's JSON, None when there was none."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    number: int

    @property
    def payment(self) -> Json | None:
        for name in ("payment-signature", "x-payment"):
            if name in self.headers:
                payment: Json = json.loads(base64.b64decode(self.headers[name]))
                return payment
        return None


@dataclass
class Reply:
    """An answer. `body` may go on for ever; None in its place ends the connection without a word."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterator[bytes] = b"{}"


Behaviour = Callable[[Asked], Reply | None]


class HostileSeller:
    """Answers by `behaviour`, on a loopback port of its own. Its money comes to `pay_to`."""

    def __init__(self, rpc: DevRpc, usdc: str, behaviour: Behaviour | None = None) -> None:
        self.rpc = rpc
        self.usdc = usdc
        self.pay_to = PrivateKey.generate().address
        self.behaviour = behaviour or (lambda _: Reply())
        self.asked: list[Asked] = []
        self.sent_bytes = 0
        self.closed = threading.Event()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    # What it asks for

    def offer(self, **changes: Any) -> Json:
        """An honest offer of one cent, with changes."""
        return {
            "scheme": "exact",
            "network": "eip155:84532",
            "asset": self.usdc,
            "amount": "10000",
            "payTo": self.pay_to,
            "maxTimeoutSeconds": 60,
            "extra": {"name": "USDC", "version": "2"},
        } | changes

    def asks(self, *offers: Json, **more: Any) -> Reply:
        """A 402 of version 2, which speaks through its header."""
        required = {"x402Version": 2, "error": "", "resource": {"url": f"{self.url}/paid"}, "accepts": offers}
        return Reply(402, {"PAYMENT-REQUIRED": encoded(required | more)})

    def asks_first(self, *offers: Json, **more: Any) -> Reply:
        """A 402 of version 1, which speaks through its body."""
        required = {"x402Version": 1, "error": "", "accepts": [self._first(one) for one in offers]}
        return Reply(402, {"Content-Type": "application/json"}, json.dumps(required | more).encode())

    def _first(self, offer: Json) -> Json:
        rest = {name: value for name, value in offer.items() if name not in ("amount", "network")}
        network = "base-sepolia" if offer["network"] == "eip155:84532" else offer["network"]
        return rest | {
            "network": network,
            "maxAmountRequired": offer["amount"],
            "resource": f"{self.url}/paid",
            "description": "",
            "mimeType": "application/json",
        }

    def receipt(self, transaction: str, **changes: Any) -> dict[str, str]:
        """The header that says that a payment was settled."""
        told = {"success": True, "transaction": transaction, "network": "eip155:84532", "payer": ""}
        return {"PAYMENT-RESPONSE": encoded(told | changes)}

    # What it takes

    @property
    def payments(self) -> list[Json]:
        """Every payment it was sent, in order, repeated ones again."""
        return [payment for one in self.asked if (payment := one.payment) is not None]

    @property
    def payment_headers(self) -> list[str]:
        """The same as they came."""
        names = ("payment-signature", "x-payment")
        return [one.headers[name] for one in self.asked for name in names if name in one.headers]

    def take(self, payment: Json) -> str | None:
        """Send an authorisation to the chain, through Permit2 if it is for that; its hash, None when it was refused."""
        payload = payment["payload"]
        signature = bytes.fromhex(payload["signature"].removeprefix("0x"))
        if "permit2Authorization" in payload:
            return self._call(*_through_permit2(payload["permit2Authorization"], signature))
        signed = payload["authorization"]
        arguments = [
            signed["from"],
            signed["to"],
            int(signed["value"]),
            int(signed["validAfter"]),
            int(signed["validBefore"]),
            bytes.fromhex(signed["nonce"].removeprefix("0x")),
            signature,
        ]
        return self._call(self.usdc, TAKE + encode(TAKE_TYPES, arguments))

    def _call(self, to: str, data: bytes) -> str | None:
        sender = self.rpc.call("eth_accounts")[0]
        call = {"from": sender, "to": to, "data": "0x" + data.hex(), "gas": hex(400_000)}
        try:
            self.rpc.call("eth_call", call, "latest")
            sent: str = self.rpc.call("eth_sendTransaction", call)
        except ChainUnavailable:
            return None
        return sent

    def take_all(self) -> list[str]:
        """Everything that can still be taken with what was sent here."""
        return [taken for payment in self.payments if (taken := self.take(payment)) is not None]

    def close(self) -> None:
        self.closed.set()
        # Closing alone would not wake the thread that waits in accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    # How it answers

    def _accept(self) -> None:
        while not self.closed.is_set():
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with line:
            try:
                asked = self._read(line)
                reply = self.behaviour(asked)
                if reply is not None:
                    self._answer(line, reply)
            except OSError:
                # The client lost its patience: what it sent is kept.
                return

    def _read(self, line: socket.socket) -> Asked:
        got = b""
        while b"\r\n\r\n" not in got:
            got += _some(line)
        head, _, body = got.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            body += _some(line)
        method, path, _ = first.split(" ")
        with self._lock:
            asked = Asked(method, path, headers, body, len(self.asked))
            self.asked.append(asked)
        return asked

    def _answer(self, line: socket.socket, reply: Reply) -> None:
        whole = isinstance(reply.body, bytes)
        length = {"Content-Length": str(len(reply.body))} if isinstance(reply.body, bytes) else {}
        headers = {"Connection": "close", **length, **reply.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        line.sendall(f"HTTP/1.1 {reply.status} So\r\n{head}\r\n".encode("latin-1"))
        for part in [reply.body] if whole else reply.body:
            if self.closed.is_set():
                return
            line.sendall(part)  # type: ignore[arg-type]
            self.sent_bytes += len(part)  # type: ignore[arg-type]


def encoded(told: Any) -> str:
    """JSON as the headers of x402 carry it."""
    return base64.b64encode(json.dumps(told).encode()).decode("ascii")


def decoded(header: str) -> Json:
    """The JSON in such a header. Raises ValueError."""
    try:
        told: Json = json.loads(base64.b64decode(header))
    except binascii.Error as error:
        raise ValueError("not base64") from error
    return told


def _through_permit2(signed: Json, signature: bytes) -> tuple[str, bytes]:
    """The call of the proxy that may spend this, for all that was permitted."""
    permitted, witness = signed["permitted"], signed["witness"]
    units = int(permitted["amount"])
    permit = ((permitted["token"], units), int(signed["nonce"]), int(signed["deadline"]))
    told = [witness["to"], int(witness["validAfter"])]
    types, values = [PERMIT, "address", EXACT_WITNESS, "bytes"], [permit, signed["from"], told, signature]
    if "facilitator" in witness:
        told.insert(1, witness["facilitator"])
        types[2:3], types[1:1], values[1:1] = [UPTO_WITNESS], ["uint256"], [units]
    data = keccak256(f"settle({','.join(types)})".encode())[:4] + encode(types, values)
    return signed["spender"], data


def _some(line: socket.socket) -> bytes:
    part = line.recv(65_536)
    if not part:
        raise ConnectionError("the client hung up")
    return part
