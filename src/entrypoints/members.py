"""A caller's JSON body as its top-level members, each still JSON text.

Decoding no deeper costs 35 us for 110 KB and keeps members nobody here knows, in their order and
spelling. What is wrong below the top level is found by whoever decodes it, or by the upstream.
"""

import re
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from ..domain.errors import InvalidRequest

Members: TypeAlias = dict[str, Raw]
T = TypeVar("T")

# From here on a body is decoded off the event loop: below it takes a few ms at worst.
LARGE_BODY_BYTES = 256 * 1024
# A million one-letter members would hold the interpreter for most of a second.
_MAX_LIGHT_BYTES = 1024 * 1024
# What is decoded in one go holds the interpreter as long; conversations are decoded by message.
_MAX_DEFINITION_BYTES = 4 * 1024 * 1024
_DEFINITIONS = frozenset({"tools", "functions", "response_format", "text"})
# Text in quotes, in which brackets are only letters.
_QUOTED = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_DEEP = 100

_MEMBERS = msgspec.json.Decoder(Members)
_KEY = re.compile(rb'[ \t\r\n]*("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_NEXT = re.compile(rb"[ \t\r\n]*([,}])")
PLACE = re.compile(r" - at `(?:key in )?\$?([^`]*)`$")


class _Heavy(Struct):
    """The members that may rightly be large."""

    messages: Raw | UnsetType = UNSET
    system: Raw | UnsetType = UNSET
    tools: Raw | UnsetType = UNSET
    functions: Raw | UnsetType = UNSET
    response_format: Raw | UnsetType = UNSET
    prediction: Raw | UnsetType = UNSET
    input: Raw | UnsetType = UNSET
    instructions: Raw | UnsetType = UNSET
    items: Raw | UnsetType = UNSET
    text: Raw | UnsetType = UNSET
    prompt: Raw | UnsetType = UNSET
    suffix: Raw | UnsetType = UNSET


_HEAVY = msgspec.json.Decoder(_Heavy)


def decode_members(body: bytes) -> Members:
    """Return the top-level members of `body` in their order.

    Raises:
        InvalidRequest: it is no JSON object in UTF-8, nests too deeply, or repeats a member.
    """
    if not body:
        raise _invalid_json("it is empty")
    try:
        if not body.isascii():
            body.decode()
        if len(body) > LARGE_BODY_BYTES:
            _check_weight(body)
        members = _MEMBERS.decode(body)
    except UnicodeDecodeError as error:
        raise _invalid_json(f"it is not valid UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise _invalid_json("it nests too deeply") from None
    except msgspec.ValidationError:
        raise InvalidRequest("The body must be a JSON object.", reason="invalid_type") from None
    except msgspec.DecodeError as error:
        raise _invalid_json(str(error)) from None
    # Compact JSON whose members are all kept is as long as they are: quotes, colon, comma each,
    # and two braces. Any other length may mean white space, escapes, or a repeated member.
    size = 1 + sum([len(name) + memoryview(raw).nbytes + 4 for name, raw in members.items()])
    if size != len(body):
        _refuse_repeated(body, members)
    return members


def decode_member(decoder: "msgspec.json.Decoder[T]", raw: Raw, param: str) -> T:
    """Return the value of the member at `param`.

    Raises:
        InvalidRequest: it does not fit; `param` leads to the place.
    """
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise misfit(str(error), param) from None
    except RecursionError:
        raise InvalidRequest(f"'{param}' nests too deeply.", param=param) from None


def misfit(text: str, param: str) -> InvalidRequest:
    """Return the error for msgspec's words on a value that does not fit at `param`."""
    place = PLACE.search(text)
    if place is not None:
        text = text[: place.start()]
        param = (param + place[1]).lstrip(".")
    if text.startswith("Object missing required field"):
        name = text.split("`")[1]
        param = f"{param}.{name}" if param else name
        return missing(param)
    reason = "invalid_type" if ", got `" in text else "invalid_value"
    return InvalidRequest(
        f"Invalid {'type' if reason == 'invalid_type' else 'value'} for '{param}': "
        f"{text.replace('`', '')}.",
        param=param,
        reason=reason,
    )


def missing(param: str) -> InvalidRequest:
    return InvalidRequest(
        f"Missing required parameter: '{param}'.", param=param, reason="missing_required_parameter"
    )


def too_deep(members: Members) -> InvalidRequest:
    """Return the error for a request in which something nests deeper than can be followed.

    What nests in plain sight is named; else it is JSON inside a text, as calls' arguments are.
    """
    deepest, param = max(
        ((_depth(bytes(raw)), name) for name, raw in members.items()), default=(0, "input")
    )
    if deepest < _DEEP:
        param = "messages" if "messages" in members else "input"
    return InvalidRequest(f"'{param[:200]}' nests too deeply.", param=param[:200])


def _depth(text: bytes) -> int:
    depth = deepest = 0
    for letter in _QUOTED.sub(b"", text):
        if letter in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in b"]}":
            depth -= 1
    return deepest


def _invalid_json(why: str) -> InvalidRequest:
    return InvalidRequest(f"The body could not be read as JSON: {why}.", reason="invalid_json")


def _check_weight(body: bytes) -> None:
    try:
        heavy = _HEAVY.decode(body)
    except msgspec.ValidationError:
        return  # no object: the decoder of members says so
    light = len(body)
    for name in heavy.__struct_fields__:
        raw: Any = getattr(heavy, name)  # Any: Raw or UNSET, each field in turn
        if raw is not UNSET:
            size = memoryview(raw).nbytes
            light -= size
            if size > _MAX_DEFINITION_BYTES and name in _DEFINITIONS:
                raise InvalidRequest(
                    f"'{name}' may take {_MAX_DEFINITION_BYTES} bytes; this takes {size}.",
                    param=name,
                )
    if light > _MAX_LIGHT_BYTES:
        raise InvalidRequest(
            "The members beside messages, tools, input and prompt may take "
            f"{_MAX_LIGHT_BYTES} bytes together; these take {light}.",
            reason="invalid_value",
        )


def _refuse_repeated(body: bytes, members: Members) -> None:
    """Walk the top level of a body known to be valid JSON, skipping each value by its text.

    A decoder keeps the last of several values. So the text that stands behind an earlier one
    either differs from the kept value, or the name is met again.
    """
    seen: set[str] = set()
    at = body.index(b"{") + 1
    while True:
        key = _KEY.match(body, at)
        if key is None:  # `{}`, or `{ }`
            return
        quoted = key[1]
        name: str = msgspec.json.decode(quoted) if b"\\" in quoted else quoted[1:-1].decode()
        value = bytes(members[name])
        at = key.end()
        following = _NEXT.match(body, at + len(value)) if body.startswith(value, at) else None
        if name in seen or following is None:
            raise InvalidRequest(
                f"The member '{name[:200]}' is given more than once.",
                param=name[:200],
                reason="duplicate_parameter",
            )
        seen.add(name)
        at = following.end()
        if following[1] == b"}":
            return
