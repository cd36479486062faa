"""Strategies for a tool's arguments, out of its schema: what fits it, and what does not."""

from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=20)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ODD = st.one_of(
    JSON,
    st.sampled_from(
        [
            "",
            "\n",
            "0",
            "1\n",
            "-1",
            "1e9",
            "NaN",
            "null",
            "../../etc/passwd",
            "{{7*7}}",
            "' OR 1=1 --",
            "\x00",
            "ses_",
            "💸",
        ]
    ),
    st.text(max_size=300),
    st.just("x" * 70_000),
    st.just("9" * 60),
)


def fitting(
    schema: Schema, known: dict[str, list[Any]] | None = None, name: str = ""
) -> st.SearchStrategy[Any]:
    """Values that a schema allows; `known` are values worth trying, by the names of members."""
    found = _fitting(schema, known)
    if not known or name not in known:
        return found
    # What is known gets further than what fits.
    return st.one_of(*[st.sampled_from(known[name])] * 5, found)


def _fitting(schema: Schema, known: dict[str, list[Any]] | None) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        rest = schema.get("additionalProperties")
        if isinstance(rest, dict):
            names = st.from_regex(
                schema["propertyNames"]["pattern"].removesuffix("$") + r"\Z",
                alphabet=st.characters(max_codepoint=126),
            )
            return st.dictionaries(names, _fitting(rest, known), max_size=3)
        members = {name: fitting(one, known, name) for name, one in schema["properties"].items()}
        needed = {name: members.pop(name) for name in schema.get("required", ())}
        return st.fixed_dictionaries(needed, optional=members)
    if kind == "array":
        return st.lists(_fitting(schema["items"], known), max_size=3)
    if kind == "integer":
        return st.integers(schema.get("minimum", 0), min(schema.get("maximum", 100), 10_000))
    if kind == "boolean":
        return st.booleans()
    if kind == "string":
        if "pattern" in schema:
            texts = st.from_regex(
                schema["pattern"].removesuffix("$") + r"\Z",
                alphabet=st.characters(min_codepoint=1, max_codepoint=126),
            )
        else:
            texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
        return texts.filter(lambda text: schema.get("minLength", 0) <= len(text) <= schema["maxLength"])
    return JSON


def broken(schema: Schema, known: dict[str, list[Any]] | None = None) -> st.SearchStrategy[Any]:
    """Arguments of which one member is wrong, missing, or unknown; some of them fit by chance."""
    names = list(schema["properties"])

    @st.composite
    def made(draw: st.DrawFn) -> Any:
        value: dict[str, Any] = dict(draw(fitting(schema, known)))
        how = draw(st.sampled_from(["odd", "missing", "unknown", "several"]))
        if how == "unknown" or not names:
            value[draw(st.text(max_size=80))] = draw(ODD)
        elif how == "missing":
            value.pop(draw(st.sampled_from(names)), None)
        else:
            for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=1 if how == "odd" else 3)):
                value[name] = draw(ODD)
        return value

    return made()
