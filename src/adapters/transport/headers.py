"""Headers that go along with every call of a provider."""

from collections.abc import Iterable


def with_own(
    headers: Iterable[tuple[str, str]], own: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    """Return `headers` and those of the operator's `own`, which stand in the place of ours."""
    named = {name.lower() for name, _ in own}
    return (*(pair for pair in headers if pair[0] not in named), *own)
