"""What a response repeats of its request, as JSON text that is kept with it.

Members are put in as the caller spelled them. OpenAI's schema and that of Open Responses ask for
different ones; these satisfy both, but for `text.format` with a schema: Open Responses' document
of 2026-04-24 allows only null there, which OpenAI's does not.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from ..members import Members, decode_member
from .wire import MAX_TOOLS, ReasoningEnvelope

LOGPROBS = "message.output_text.logprobs"
SEALED_THOUGHTS = "reasoning.encrypted_content"
_encode = msgspec.json.Encoder().encode
_MEMBERS = Decoder(dict[str, Raw])
_TOOLS = Decoder(list[dict[str, Raw]])
_NULL = b"null"
_NOTHING = Raw(_NULL)
_FALSE = Raw(b"false")
_FUNCTION = b'"function"'
_SCHEMA = b'"json_schema"'
_SECRETS = frozenset({"authorization", "headers"})
_SERVER = "server_url"
_ADDRESS: "Decoder[str | None]" = Decoder(str | None)
_ORIGIN = re.compile(
    r"(https?://)(?:[^/?#]*@)?((?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?)(?=[/?#]|\Z)", re.IGNORECASE
)
_PLAIN_FORMAT = Raw(b'{"type":"text"}')

# Numbers and the tier may not be null in Open Responses: these are OpenAI's own defaults.
_DEFAULTS: Mapping[str, bytes] = {
    "instructions": _NULL,
    "model": _NULL,
    "tools": b"[]",
    "tool_choice": b'"auto"',
    "parallel_tool_calls": b"true",
    "text": b'{"format":{"type":"text"}}',
    "reasoning": b'{"effort":null,"summary":null}',
    "temperature": b"1.0",
    "top_p": b"1.0",
    "presence_penalty": b"0.0",
    "frequency_penalty": b"0.0",
    "top_logprobs": b"0",
    "truncation": b'"disabled"',
    "max_output_tokens": _NULL,
    "max_tool_calls": _NULL,
    "service_tier": b'"default"',
    "metadata": b"{}",
    "safety_identifier": _NULL,
    "prompt_cache_key": _NULL,
}
# These are told only where they were asked: OpenAI's schema knows no null for the first and the
# last.
_OPTIONAL = ("user", "prompt_cache_retention", "prompt_cache_options")
_PIECES = {name: b'"%b":%b' % (name.encode(), default) for name, default in _DEFAULTS.items()}
_HEADS = {name: b'"%b":' % name.encode() for name in (*_DEFAULTS, *_OPTIONAL)}


def encode_settings(
    members: Members, reasoning: ReasoningEnvelope | None, include: Sequence[str]
) -> bytes:
    """Return the settings; `include` stands among them for whoever encodes the response.

    Raises:
        InvalidRequest: `tools` or `text` are not made of objects, or a `server_url` is no text.
    """
    pieces: list[bytes] = []
    for name, piece in _PIECES.items():
        raw = members.get(name)
        if raw is not None:
            text = bytes(raw)
            if text != _NULL:
                piece = _HEADS[name] + _repeat(name, raw, text, reasoning)
        pieces.append(piece)
    for name in _OPTIONAL:
        raw = members.get(name)
        if raw is not None and bytes(raw) != _NULL:
            pieces.append(_HEADS[name] + bytes(raw))
    if include:
        pieces.append(b'"include":' + _encode(include))
    settings = b"{%b}" % b",".join(pieces)
    # A line break, which can only stand between JSON's words, would part an event of a stream.
    if b"\n" in settings or b"\r" in settings:
        return msgspec.json.format(settings, indent=-1)
    return settings


def _repeat(name: str, raw: Raw, text: bytes, reasoning: ReasoningEnvelope | None) -> bytes:
    match name:
        case "tools":
            return _repeat_tools(raw)
        case "text":
            return _repeat_text(raw)
        case "reasoning" if reasoning is not None:
            summary = reasoning.summary or reasoning.generate_summary
            return _encode({"effort": reasoning.effort, "summary": summary})
        case _:
            return text


def _repeat_tools(raw: Raw) -> bytes:
    tools = decode_member(_TOOLS, raw, "tools")
    for tool in tools[:MAX_TOOLS]:
        kind = tool.get("type")
        if kind is not None and bytes(kind) == _FUNCTION:
            for name in ("description", "parameters", "strict"):
                tool.setdefault(name, _NOTHING)
    for tool in tools:
        # What lets the vendor into somebody's server is neither kept nor shown again.
        for name in _SECRETS.intersection(tool):
            del tool[name]
        if _SERVER in tool:
            tool[_SERVER] = _origin(tool[_SERVER])
    return _encode(tools)


def _origin(raw: Raw) -> Raw:
    """Return an address without path, query and credentials: tokens may stand in each."""
    url = decode_member(_ADDRESS, raw, "tools.server_url")
    found = None if url is None else _ORIGIN.match(url)
    return _NOTHING if found is None else Raw(_encode(f"{found[1]}{found[2]}"))


def _repeat_text(raw: Raw) -> bytes:
    text = decode_member(_MEMBERS, raw, "text")
    form = text.get("format")
    if form is None or bytes(form) == _NULL:
        form = _PLAIN_FORMAT
    else:
        members = decode_member(_MEMBERS, form, "text.format")
        kind = members.get("type")
        if kind is not None and bytes(kind) == _SCHEMA:
            strict = members.get("strict")
            if strict is None or bytes(strict) == _NULL:
                members["strict"] = _FALSE
            form = Raw(_encode(members))
    repeated = {"format": form}
    verbosity = text.get("verbosity")
    if verbosity is not None and bytes(verbosity) != _NULL:
        repeated["verbosity"] = verbosity
    return _encode(repeated)
