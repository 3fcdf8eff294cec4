"""Keeps libraries from importing what they could work with and never do here."""

import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from importlib.machinery import ModuleSpec

# dependency-injector and Litestar look for pydantic, attrs, YAML and other frameworks' requests,
# structlog for rich: a quarter of the start and of the memory at rest, where they are installed.
UNUSED = frozenset({"attr", "attrs", "fastapi", "pydantic", "rich", "starlette", "werkzeug"})


@contextmanager
def companions_absent(names: Iterable[str] = UNUSED) -> Generator[None]:
    """Let imports of the packages `names` fail meanwhile, as if they were not installed.

    What was imported before stays what it was. For the main thread, before others run.
    """
    finder = _Absent(frozenset(names))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Absent:
    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        del path, target
        if name in self._names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None
