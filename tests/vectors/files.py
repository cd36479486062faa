"""The vectors: data made with the real client, in spec/vectors."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "spec" / "vectors"


def vectors(name: str) -> Any:
    """One file of vectors as parsed JSON."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def names(cases: list[dict[str, Any]]) -> list[str]:
    """Test ids of named cases."""
    return [case["name"] for case in cases]
