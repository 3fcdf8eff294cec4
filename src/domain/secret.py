"""Secret: text that nothing prints by accident."""


class Secret:
    """A key or password. `repr`, `str`, formats and pickles never show it; `reveal` alone does."""

    __slots__ = ("_text",)
    _text: str

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        """Return the text, for the wire and for nothing else."""
        return self._text

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a secret cannot be changed: {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a secret cannot be changed: {name}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")
