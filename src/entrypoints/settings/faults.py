"""What the decoder finds wrong with a value, in the words of people who write TOML."""

import re
from typing import NamedTuple

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
