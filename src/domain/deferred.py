"""A value made on first need: the content of a request that may never have to be read."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
V = TypeVar("V")


class Deferred(Generic[T]):
    """Calls `make` at the first `get`, keeps the value, and lets go of what `make` held."""

    __slots__ = ("_make", "_value")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make: Callable[[], T] | None = make
        self._value: T | None = None

    @staticmethod
    def of(value: V) -> "Deferred[V]":
        """Return one whose value is there already."""
        deferred = Deferred(lambda: value)
        deferred.get()
        return deferred

    @property
    def is_made(self) -> bool:
        """Whether the value is there already, so that `get` costs nothing."""
        return self._make is None

    def get(self) -> T:
        """Return the value; whatever `make` raises is raised at every call."""
        if self._make is not None:
            self._value = self._make()
            self._make = None
        return self._value  # type: ignore[return-value]  # set when _make was cleared; T may itself be None
