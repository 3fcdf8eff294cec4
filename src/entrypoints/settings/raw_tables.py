"""The values `tomllib` gives, before anything is known of them."""

from typing import Any, TypeAlias, TypeGuard

Raw: TypeAlias = Any  # Any: what a value is, only the walk along the structs finds out
Table: TypeAlias = dict[str, Raw]


def is_table(raw: Raw) -> TypeGuard[Table]:
    return isinstance(raw, dict)


def is_list(raw: Raw) -> TypeGuard[list[Raw]]:
    return isinstance(raw, list)
