"""Styles and scripts, served from this folder under names that change with what is in them; none is from elsewhere."""

import hashlib
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"


@cache
def asset_text(name: str) -> str:
    """An asset as it is on disk."""
    return (FOLDER / name).read_text(encoding="utf-8")


@cache
def asset_url(name: str) -> str:
    """Where it is served."""
    return f"/assets/{hashlib.sha256(asset_text(name).encode()).hexdigest()[:16]}/{name}"


async def serve_asset(request: Request) -> Response:
    """One asset, by its URL alone."""
    name = request.path_params["name"]
    kind = KINDS.get(Path(name).suffix)
    known = kind is not None and "/" not in name and (FOLDER / name).is_file()
    if not known or asset_url(name) != request.url.path:
        return Response("there is no such asset", 404, media_type="text/plain")
    return Response(asset_text(name), media_type=kind, headers={"Cache-Control": FOR_EVER})
