"""Writes spec/openapi.json from the platform's endpoints and their Structs; `--check` only compares.

Usage: python scripts/generate_openapi.py [--check]
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import msgspec

from valetkey.core.refusal import Code
from valetkey.platform.api import ENDPOINTS
from valetkey.platform.http import Access, Endpoint
from valetkey.wire.errors import CODES
from valetkey.wire.http import API_KEY_HEADER, IDEMPOTENCY_HEADER, RETRY_AFTER_HEADER

TARGET = Path(__file__).resolve().parent.parent / "spec" / "openapi.json"
TEMPLATE = "#/components/schemas/{name}"
INTEGER_MAX = 2**64 - 1
EVENTS = "text/event-stream"
AMOUNT = {"type": "number", "minimum": 0, "description": "An exact decimal number of currency units."}

Json = dict[str, Any]


def main(arguments: list[str]) -> int:
    text = json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
    if "--check" in arguments:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
            print("spec/openapi.json differs from the endpoints: run scripts/generate_openapi.py")
            return 1
        return 0
    TARGET.write_text(text, encoding="utf-8")
    return 0


def document() -> Json:
    """The whole OpenAPI 3.1 document."""
    kinds: list[Any] = []
    for endpoint in ENDPOINTS:
        kinds += [
            kind for kind in (endpoint.takes, endpoint.gives, endpoint.query) if kind not in (None, str)
        ]
    _, components = msgspec.json.schema_components(kinds, ref_template=TEMPLATE)
    paths: dict[str, Json] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Valetkey platform",
            "version": "1",
            "description": "Delegated sessions whose spending limits hold. Amounts of money are exact decimals.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {**bounded(amounts(components)), "Error": error_schema()},
            "responses": {
                "Error": {
                    "description": "A refusal or an error; `code` is stable.",
                    "headers": {
                        RETRY_AFTER_HEADER: {
                            "description": "Seconds; present when the same request may succeed later.",
                            "schema": {"type": "integer"},
                        }
                    },
                    "content": {"application/json": {"schema": {"$ref": TEMPLATE.format(name="Error")}}},
                }
            },
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def operation(endpoint: Endpoint) -> Json:
    """One endpoint."""
    made: Json = {
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "tags": [endpoint.path.split("/")[3]],
        "parameters": parameters(endpoint),
        "responses": {
            str(endpoint.status): {"description": "Success", "content": content(endpoint)},
            "default": {"$ref": "#/components/responses/Error"},
        },
        "security": security(endpoint.access),
    }
    if endpoint.access in (Access.CALLER, Access.OWNER):
        made["x-valetkey-scope"] = str(endpoint.scope)
    if endpoint.takes is not None:
        made["requestBody"] = {
            "required": not endpoint.may_be_empty,
            "content": {"application/json": {"schema": reference(endpoint.takes)}},
        }
    return made


def operation_id(endpoint: Endpoint) -> str:
    words = re.findall(r"[a-zA-Z0-9]+", endpoint.path.removeprefix("/api/v1/"))
    return endpoint.method.lower() + "".join(word.capitalize() for word in words)


def parameters(endpoint: Endpoint) -> list[Json]:
    """Path and query parameters, and the one header that counts."""
    found: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]
    if endpoint.query is not None:
        _, own = msgspec.json.schema_components([endpoint.query], ref_template=TEMPLATE)
        members = amounts(own)[endpoint.query.__name__]["properties"]
        found += [{"name": name, "in": "query", "schema": schema} for name, schema in members.items()]
    if endpoint.path.endswith("/checkout"):
        found.append({"name": IDEMPOTENCY_HEADER, "in": "header", "schema": {"type": "string"}})
    return found


def content(endpoint: Endpoint) -> Json:
    """What a success has in it, by media type."""
    # A stream has no end: what a schema of it would be about is each of its events, which are texts of several lines.
    found: Json = {
        media: {} if media == EVENTS else {"schema": {"type": "string"}} for media in endpoint.media
    }
    if endpoint.gives is not str:
        found["application/json"] = {"schema": answer(endpoint)}
    return found


def answer(endpoint: Endpoint) -> Json:
    """The envelope around what an endpoint gives; registration has none."""
    if endpoint.flat:
        return reference(endpoint.gives)
    return {
        "type": "object",
        "required": ["success", "data"],
        "properties": {
            "success": {"const": True},
            "data": reference(endpoint.gives),
            "message": {"type": "string"},
        },
    }


def security(access: Access) -> list[Json]:
    both: list[Json] = [{"key": []}, {"bearer": []}]
    if access is Access.PUBLIC:
        return []
    return [*both, {}] if access is Access.OPEN else both


def reference(kind: Any) -> Json:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=TEMPLATE)
    return dict(schema)


def amounts(schemas: Any) -> Any:
    """Amounts are JSON numbers on the wire; the library describes a Decimal as a string."""
    if isinstance(schemas, dict):
        if schemas.get("format") == "decimal":
            return AMOUNT
        return {name: amounts(schema) for name, schema in schemas.items()}
    if isinstance(schemas, list):
        return [amounts(schema) for schema in schemas]
    return schemas


def bounded(schemas: Any) -> Any:
    """Integers of bodies have 64 bits: a larger one is read as no integer, by the platform as by many others."""
    if isinstance(schemas, dict):
        found = {name: bounded(schema) for name, schema in schemas.items()}
        is_bounded = {"maximum", "exclusiveMaximum", "enum"} & set(found)
        return found if is_bounded or found.get("type") != "integer" else found | {"maximum": INTEGER_MAX}
    return [bounded(schema) for schema in schemas] if isinstance(schemas, list) else schemas


def error_schema() -> Json:
    """What every answer that is not a success looks like."""
    return {
        "type": "object",
        "required": ["success", "error", "code", "requestId"],
        "properties": {
            "success": {"const": False},
            "error": {"type": "string", "description": "For people."},
            "code": {"type": "string", "enum": sorted({str(code) for code in (*CODES, *Code)})},
            "details": {
                "description": "Of a refusal an object: code, rule, message, asked, limit, remaining, resetsAt,"
                " hint, reasons; amounts are decimal strings. Of an invalid request a list of path and message."
            },
            "requestId": {"type": "string"},
        },
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
