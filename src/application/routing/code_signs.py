"""Whether a prompt has code in it: a guess by its looks, for rules."""

import re
from collections.abc import Iterable
from itertools import islice

from ...domain.conversation import Item, Message, Role, Text, ToolResult

MAX_LETTERS = 64 * 1024
_ENOUGH = 2
# Beginnings of lines that prose hardly ever has. Each is anchored and has no nested repetition.
_LINE = re.compile(
    r"^[ \t]{0,40}(?:"
    r"def \w+\(|class \w+[(:{]|import \w[\w.]*$|from [\w.]+ import |async def |@\w[\w.]*(?:\(|$)"
    r"|function ?\w*\(|(?:const|let|var) \w+ ?=|export (?:default|const|function|class) |=> ?\{"
    r"|#include [<\"]|(?:public|private|protected|static) [\w<>\[\]]+ |fn \w+[(<]|func \w+\("
    r"|package \w+;?$|#!/|\$ \w+"
    r"|(?:SELECT|select) .{1,200} (?:FROM|from) |(?:if|for|while|switch) ?\(.{1,200}\) ?\{"
    r"|return [^.\n]{1,80};$|</?[a-z][\w-]*[ >/]|[\w\].]{1,60} ?[-+*/|]?= ?[^=\n]{1,200};$"
    r")",
    re.MULTILINE,
)


def has_code(items: Iterable[Item]) -> bool:
    """Return whether what the user or a tool said has a fence of code, or lines that look like it.

    Looks at the newest `MAX_LETTERS` letters.
    """
    left = MAX_LETTERS
    for item in reversed(tuple(items)):
        if isinstance(item, ToolResult) or (isinstance(item, Message) and item.role is Role.USER):
            for part in item.parts:
                if isinstance(part, Text):
                    text = part.text[:left]
                    if looks_like_code(text):
                        return True
                    left -= len(text)
        if left <= 0:
            break
    return False


def looks_like_code(text: str) -> bool:
    """Return whether a text has a fence, or at least two lines that look like code."""
    if "```" in text or "\n~~~" in text:
        return True
    return sum(1 for _ in islice(_LINE.finditer(text), _ENOUGH)) == _ENOUGH
