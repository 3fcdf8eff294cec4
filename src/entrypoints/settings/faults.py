"""What the decoder finds wrong with a value, in the words of people who write TOML."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .raw_tables import Raw
from .toml_positions import KeyPath

_FAULT = re.compile(r"(?P<fault>.*?)(?: - at `(?:key in )?\$(?P<path>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"missing required field (\w+)")
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
_KIND = re.compile(rf"\b({'|'.join(_KINDS)})\b( \| null)?")
_HASH_PATTERN = "matching regex '^sha256:"
_HINTS = (  # by what the sentence begins with
    ("expected a whole number, got a text", "numbers stand without quotes"),
    ("expected a number, got a text", "numbers stand without quotes"),
    ("expected true or false, got a text", "true and false stand without quotes"),
    ("expected a text, got", "texts stand in quotes"),
    ("expected a list, got a text", 'lists stand in brackets: ["one", "two"]'),
    ("expected a list, got a table", "two brackets around its name make a list: [[name]]"),
    ("expected a table, got a list", "one bracket around its name makes a table: [name]"),
    ("expected a table, got a text", "write [name], and its keys in the lines below"),
)


class Fault(NamedTuple):
    """`path` is spelled as the decoder does, from the top; `missing` names a key to be added."""

    sentence: str
    path: str
    missing: str | None = None
    hint: str | None = None


def fault_of(told: str) -> Fault:
    """Return what a message of msgspec's says."""
    match = _FAULT.fullmatch(told)
    sentence = (match["fault"] if match else told).replace("`", "")
    path = (match["path"] if match else None) or ""
    sentence = f"{sentence[:1].lower()}{sentence[1:]}"
    if missing := _MISSING.search(sentence):
        return Fault(sentence, path, missing[1])
    if _HASH_PATTERN in sentence:
        return Fault("this is no hash of a key", path, hint="as `modelmux keys hash` prints it")
    sentence = _KIND.sub(lambda kind: _KINDS[kind[1]], sentence)
    hint = next((hint for beginning, hint in _HINTS if sentence.startswith(beginning)), None)
    return Fault(sentence, path, hint=hint)


def path_of(spelled: str, raw: Raw, fault_in: Callable[[Raw], str | None]) -> KeyPath:
    """Return the path with the name of each key for which the decoder wrote `[...]`.

    It does not say which key of a table it means: that is found by leaving the others out.
    `fault_in` tells where the decoder finds the fault of what is left.
    """
    first, *further = spelled.split("[...]")
    path = _parts(first)
    for piece in further:
        for only, key in _each_alone(raw, path):
            if fault_in(only) == spelled:
                raw, path = only, (*path, key, *_parts(piece))
                break
        else:
            return path
    return path


def _each_alone(raw: Raw, path: KeyPath) -> Iterator[tuple[Raw, str]]:
    """Yield `raw` once for each key of the table at `path`, with that key alone there."""
    if not path:
        yield from (({key: raw[key]}, key) for key in raw)
        return
    place, *below = path
    for only, key in _each_alone(raw[place], tuple(below)):
        narrowed = raw.copy()  # a table or a list
        narrowed[place] = only
        yield narrowed, key


def _parts(spelled: str) -> KeyPath:
    parts = re.findall(r"\.(\w+)|\[(\d+)\]", spelled)
    return tuple(int(index) if index else name for name, index in parts)
