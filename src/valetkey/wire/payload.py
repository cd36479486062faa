"""How encrypted payloads ride in a request or response: `{"_e2e": envelope}`, with an attestation beside it."""

from dataclasses import dataclass

from valetkey.wire import js_json
from valetkey.wire.attestation import DeliveryAttestation
from valetkey.wire.envelope import Envelope, parse_envelope

ENVELOPE_MEMBER = "_e2e"
ATTESTATION_MEMBER = "attestation"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """An encrypted payload: the envelope, and what the sender attests as parsed JSON (None: nothing)."""

    envelope: Envelope
    attestation: js_json.JsonValue = None


def wrap(envelope: Envelope, attestation: DeliveryAttestation | None = None) -> bytes:
    """The JSON of an encrypted payload, as `requestPayload` and `responsePayload` carry it."""
    members: dict[str, js_json.JsonValue] = {ENVELOPE_MEMBER: envelope.to_json()}
    if attestation is not None:
        members[ATTESTATION_MEMBER] = attestation.to_json()
    return js_json.stringify(members).encode("utf-8")


def unwrap(payload: bytes | str) -> Wrapped | None:
    """What a payload wraps; None when it is plain JSON. Raises JsonError, and EnvelopeError for a bad envelope."""
    value = js_json.parse(payload)
    if not isinstance(value, dict) or ENVELOPE_MEMBER not in value:
        return None
    return Wrapped(parse_envelope(value[ENVELOPE_MEMBER]), value.get(ATTESTATION_MEMBER))
