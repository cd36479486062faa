"""The methods that send, and all methods of the embedded cluster under one lock."""

from collections.abc import Callable
from typing import Any

from valetkey.chains.devsolana.cluster import Cluster, Rejected
from valetkey.chains.devsolana.development import Development
from valetkey.chains.devsolana.encoding import read_config, read_transaction
from valetkey.chains.devsolana.reading import Reading
from valetkey.chains.faults import RpcFault
from valetkey.chains.jsonrpc import Method, Rpc

SEND_FAILED = -32002
SIGNATURE_FAILED = -32003


class Sending:
    """Transactions in."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def methods(self) -> dict[str, Callable[..., Any]]:
        return {
            "sendTransaction": self.send,
            "simulateTransaction": self.simulate,
        }

    def send(self, text: Any, config: Any = None) -> str:
        config = read_config(config)
        transaction = read_transaction(text, config)
        if not all(transaction.verify_with_results()):
            raise RpcFault(SIGNATURE_FAILED, "Transaction signature verification failure")
        skip = config.get("skipPreflight") is True
        try:
            self._cluster.land(transaction, preflight=not skip)
        except Rejected as refused:
            # Without preflight a node takes anything; what cannot land is dropped on its way.
            if not skip:
                raise _send_failed(refused) from refused
        return str(transaction.signatures[0])

    def simulate(self, text: Any, config: Any = None) -> dict[str, Any]:
        config = read_config(config)
        transaction = read_transaction(text, config)
        error, logs, units = None, [], 0
        try:
            self._cluster._check_age(transaction)
            said = self._cluster.simulate(transaction, signed=config.get("sigVerify") is True)
            logs, units = said.logs(), said.compute_units_consumed()
        except Rejected as refused:
            error, logs, units = refused.error, refused.logs, refused.units
        value = {"err": error, "logs": logs, "unitsConsumed": units, "accounts": None, "returnData": None}
        return {"context": {"slot": self._cluster.slots.head, "apiVersion": "2.3.0"}, "value": value}


def rpc_of(cluster: Cluster) -> Rpc:
    """Every method by its name; before each the slots pass that the clock says have passed."""
    methods: dict[str, Method] = {}
    for part in (Reading(cluster), Sending(cluster), Development(cluster)):
        methods.update(part.methods())
    return Rpc(methods, before=cluster.catch_up)


def _send_failed(refused: Rejected) -> RpcFault:
    said = _said(refused.error)
    data = {"err": refused.error, "logs": refused.logs, "accounts": None, "unitsConsumed": refused.units}
    return RpcFault(SEND_FAILED, f"Transaction simulation failed: {said}", data)


def _said(error: Any) -> str:
    if error == "BlockhashNotFound":
        return "Blockhash not found"
    if error == "AlreadyProcessed":
        return "This transaction has already been processed"
    if isinstance(error, dict) and "InstructionError" in error:
        index, why = error["InstructionError"]
        custom = (
            f"custom program error: {why['Custom']:#x}" if isinstance(why, dict) and "Custom" in why else why
        )
        return f"Error processing Instruction {index}: {custom}"
    return str(error)
