"""The code blocks and links of our documents."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ADDRESS = "http://127.0.0.1:3000"
"""Where the gateway of every example is."""

_FENCE = re.compile(r"^```(?P<language>[a-z]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `line` is that of its first line of text."""

    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    def aimed_at(self, url: str) -> str:
        """Return the text as a request to another gateway."""
        return self.text.replace(ADDRESS, url)


def documents() -> list[Path]:
    """Return every document of the project that people read."""
    folders = [ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md"), (ROOT / "examples").glob("*.md")]
    return sorted(path for found in folders for path in found)


def blocks(*languages: str) -> list[Block]:
    """Return the blocks in any of `languages`, of all documents."""
    return [block for path in documents() for block in blocks_of(path, *languages)]


def blocks_of(path: Path, *languages: str) -> Iterator[Block]:
    """Yield the blocks of one document in any of `languages`."""
    text = path.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        if match["language"] in languages:
            line = text.count("\n", 0, match.start()) + 2
            name = path.relative_to(ROOT).as_posix()
            yield Block(name, line, match["language"], match["text"])


def links_of(path: Path) -> list[str]:
    """Return the targets of the links in a document."""
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    return [match["target"] for match in _LINK.finditer(text)]
