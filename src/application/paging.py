"""A page of a list: the same way for everything that is listed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..domain.errors import InvalidRequest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`after` is the id of the last item of the page before; newest first if `descending`."""

    after: str | None = None
    limit: int = 20
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: tuple[T, ...]
    has_more: bool


def page_of(items: Sequence[T], request: PageRequest, id_of: Callable[[T], str]) -> Page[T]:
    """Return the page of `items`, which are given oldest first.

    Raises:
        InvalidRequest: `after` is none of them.
    """
    ordered = items[::-1] if request.descending else items
    start = 0
    if request.after is not None:
        places = (number for number, item in enumerate(ordered) if id_of(item) == request.after)
        found = next(places, None)
        if found is None:
            raise InvalidRequest(
                f"'after' names {request.after[:200]!r}, which is not in this list.", param="after"
            )
        start = found + 1
    page = ordered[start : start + request.limit]
    return Page(tuple(page), len(ordered) > start + len(page))
