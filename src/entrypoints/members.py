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
_PLAIN = msgspec.json.Decoder()
_KEY = re.compile(rb'[ \t\r\n]*("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_NEXT = re.compile(rb"[ \t\r\n]*([,}])")
_UNKNOWN = "Object contains unknown field"
_ECHOED = frozenset(
    {
        "annotations", "audio", "created", "id", "index", "logprobs", "object", "parsed",
        "parsed_arguments", "reasoning_details", "status",
    }
)  # fmt: skip
_MAX_NOTED = 16
# Each different one costs a pass over the value, and all hold the interpreter: a fifth of a second.
_MAX_PASSED_BYTES = 32 * 1024 * 1024
_MIN_PASSES = 16
_STEP = re.compile(r"\[\d+\]|\.[^.\[]+")
_PLACE = re.compile(r" - at `(?:key in )?\$?([^`]*)`$")


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


def decode_noting(
    decoder: "msgspec.json.Decoder[T]", raw: Raw, param: str, ignored: dict[str, None]
) -> T:
    """`decode_member` for types that refuse unknown members: those are noted and left out.

    Notes read like `messages.cache_control`. What is null or empty says nothing, and what our own
    answers hold comes back in every history: neither is noted.
    """
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        if not str(error).startswith(_UNKNOWN):
            raise misfit(str(error), param) from None
    except RecursionError:
        raise InvalidRequest(f"'{param}' nests too deeply.", param=param) from None
    value: Any = decode_member(_PLAIN, raw, param)  # Any: plain JSON
    for _ in range(max(_MIN_PASSES, _MAX_PASSED_BYTES // memoryview(raw).nbytes)):
        try:
            return msgspec.convert(value, decoder.type)
        except msgspec.ValidationError as error:
            text = str(error)
            if not text.startswith(_UNKNOWN):
                raise misfit(text, param) from None
        name = text.split("`")[1]
        if _drop(value, text, name):
            _note(ignored, param, name)
    raise _too_many_unknown(param)


def decode_keeping(
    decoder: "msgspec.json.Decoder[T]", raw: Raw, param: str, ignored: dict[str, None]
) -> T:
    """`decode_noting` for structs some of whose members stay unread: they are decoded from text."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        text = str(error)
        if not text.startswith(_UNKNOWN):
            raise misfit(text, param) from None
    except RecursionError:
        raise InvalidRequest(f"'{param}' nests too deeply.", param=param) from None
    members = decode_member(_MEMBERS, raw, param)
    for _ in range(_MIN_PASSES):
        name = text.split("`")[1]
        place = _PLACE.search(text)
        if place is None or not place[1]:
            said = bool(decode_member(_PLAIN, members.pop(name), param))
        else:
            head = _STEP.findall(place[1])[0][1:]
            inner: dict[str, Any] = {head: decode_member(_PLAIN, members[head], param)}  # as below
            said = _drop(inner, text, name)
            members[head] = Raw(msgspec.json.encode(inner[head]))
        if said:
            _note(ignored, param, name)
        try:
            return decoder.decode(msgspec.json.encode(members))
        except msgspec.ValidationError as error:
            text = str(error)
            if not text.startswith(_UNKNOWN):
                raise misfit(text, param) from None
    raise _too_many_unknown(param)


def _note(ignored: dict[str, None], param: str, name: str) -> None:
    if name not in _ECHOED and len(ignored) < _MAX_NOTED:
        ignored[f"{param.partition('[')[0]}.{name[:64]}"] = None


def _too_many_unknown(param: str) -> InvalidRequest:
    return InvalidRequest(
        f"'{param}' has too many different members that are unknown here.",
        param=param,
        reason="unknown_parameter",
    )


# Any, below: plain JSON, in which everything may be anything.


def _drop(value: Any, text: str, name: str) -> bool:
    """Take the member `name`, of which msgspec's `text` speaks, out of all objects of one kind.

    Those are the elements at the same place of their arrays that have the same tag: to be told of
    each of them would take a pass over all. Returns whether one of the members said anything.
    """
    place = _PLACE.search(text)
    holder: Any = value
    alike: list[Any] = [value]
    for step in _STEP.findall(place[1] if place is not None else ""):
        if step.startswith("["):
            holder = holder[int(step[1:-1])]
            alike = [one for each in alike for one in _elements(each)]
        else:
            holder = holder[step[1:]]
            alike = [each[step[1:]] for each in alike if _has(each, step[1:])]
    tags = holder.get("type"), holder.get("role")
    said = False
    for each in alike:
        if _has(each, name) and (each.get("type"), each.get("role")) == tags:
            said = bool(each.pop(name)) or said
    return said


def _elements(value: Any) -> list[Any]:
    elements: list[Any] = value
    return elements if isinstance(value, list) else []


def _has(value: Any, name: str) -> bool:
    return isinstance(value, dict) and name in value


def misfit(text: str, param: str) -> InvalidRequest:
    """Return the error for msgspec's words on a value that does not fit at `param`."""
    place = _PLACE.search(text)
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
