"""A body of Converse held to AWS's own service model, where the reference has it beside us."""

import base64
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

SHAPES: Final = (
    Path(__file__).parents[3] / "shared/reference/spec/bedrock-runtime-converse.shapes.json"
)
# What a shape says only in the patterns of other regular expressions than Python's.
_UNTYPED: Final = frozenset({"Document"})


@lru_cache(maxsize=1)
def _shapes() -> dict[str, Any]:
    shapes: dict[str, Any] = json.loads(SHAPES.read_text())["shapes"]
    return shapes


def check(body: Any, shape: str = "ConverseRequest") -> None:
    """Fail where `body`, without what stands in the address, is not of `shape`."""
    if SHAPES.is_file():
        _check(body, shape, shape)


def _check(value: Any, name: str, path: str) -> None:
    shape = _shapes()[name]
    if name in _UNTYPED:
        return
    match shape["type"]:
        case "structure":
            assert type(value).__name__ == "dict", path
            members = {
                member: what for member, what in shape["members"].items() if "location" not in what
            }
            assert value.keys() <= members.keys(), f"{path}: {value.keys() - members.keys()}"
            needed = set(shape.get("required", ())) & members.keys()
            assert needed <= value.keys(), f"{path}: without {needed - value.keys()}"
            assert not shape.get("union") or len(value) == 1, f"{path}: one member"
            for member, inner in value.items():
                _check(inner, members[member]["shape"], f"{path}.{member}")
        case "list":
            assert type(value).__name__ == "list", path
            _check_size(len(value), shape, path)
            for place, inner in enumerate(value):
                _check(inner, shape["member"]["shape"], f"{path}[{place}]")
        case "map":
            _check_size(len(value), shape, path)
            for key, inner in value.items():
                _check(key, shape["key"]["shape"], f"{path} key")
                _check(inner, shape["value"]["shape"], f"{path}.{key}")
        case "string":
            assert isinstance(value, str), path
            _check_size(len(value), shape, path)
            assert value in shape.get("enum", [value]), f"{path}: {value}"
            pattern = shape.get("pattern")
            assert pattern is None or re.fullmatch(pattern, value), f"{path}: {value}"
        case "blob":
            _check_size(len(base64.b64decode(value, validate=True)), shape, path)
        case "boolean":
            assert isinstance(value, bool), path
        case "integer" | "long":
            assert type(value) is int, path
            _check_size(value, shape, path)
        case "float" | "double":
            assert isinstance(value, int | float), path
            _check_size(value, shape, path)
        case other:
            raise AssertionError(f"{path}: what is a {other}?")


def _check_size(size: float, shape: dict[str, Any], path: str) -> None:
    assert shape.get("min", size) <= size <= shape.get("max", size), f"{path}: {size}"
