"""The laws of a Messages stream, as an automaton that is fed what came.

Source: platform documentation, streaming messages; what the accumulators of the official SDKs
raise on or get wrong in silence.
"""

import json
from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]  # Any: JSON, looked at piece by piece

_EMPTY: Final[dict[str, Json]] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
    "server_tool_use": {"input": {}},
}
# kind of delta: the kinds of block it may be in, and its member
_DELTAS: Final[dict[str, tuple[set[str], str]]] = {
    "text_delta": ({"text"}, "text"),
    "citations_delta": ({"text"}, "citation"),
    "thinking_delta": ({"thinking"}, "thinking"),
    "signature_delta": ({"thinking"}, "signature"),
    "input_json_delta": ({"tool_use", "server_tool_use"}, "partial_json"),
}
_REASONS: Final = {
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal",
    "model_context_window_exceeded",
}  # fmt: skip


class MessagesStreamLaws:
    """Raises AssertionError at the first broken law; `close` says that no more comes.

    `message` is the stream folded into a whole message. With `broken_inputs` the input of a tool
    may be no JSON object (a model may write anything, or be cut); the fold then has it whole in
    the one member `unparsed_arguments`.
    """

    def __init__(self, *, broken_inputs: bool = False) -> None:
        self.message: Json = {}
        self.events: list[Json] = []
        self._broken_inputs = broken_inputs
        self._rest = b""
        self._open: Json | None = None
        self._index = 0
        self._input = ""
        self._ended = False
        self._stopped = False

    def feed(self, chunk: bytes) -> None:
        *frames, self._rest = (self._rest + chunk).split(b"\n\n")
        for frame in frames:
            self._frame(frame)

    def close(self) -> None:
        assert not self._rest, "the stream ends within a frame"
        assert self._stopped, "the stream ends without message_stop"

    def _frame(self, frame: bytes) -> None:
        lines = frame.split(b"\n")
        assert len(lines) == 2, f"a frame is one event line and one data line: {frame!r}"
        assert lines[0].startswith(b"event: "), "clients do not see an event without a name"
        assert lines[1].startswith(b"data: ")
        event: Json = json.loads(lines[1].removeprefix(b"data: "))
        assert event["type"] == lines[0].removeprefix(b"event: ").decode()
        assert not self._stopped, "something comes after message_stop"
        if event["type"] == "ping":
            return
        self.events.append(event)
        self._event(event["type"], event)

    def _event(self, kind: str, event: Json) -> None:
        assert (kind == "message_start") == (len(self.events) == 1), "message_start is first, once"
        assert not self._ended or kind == "message_stop", f"{kind} comes after message_delta"
        match kind:
            case "message_start":
                self._message_start(event["message"])
            case "content_block_start":
                self._block_start(event["index"], event["content_block"])
            case "content_block_delta":
                self._delta(self._block(event), event["delta"])
            case "content_block_stop":
                self._block_stop(self._block(event))
            case "message_delta":
                self._message_delta(event["delta"], event["usage"])
            case "message_stop":
                assert self._ended, "message_stop comes before message_delta"
                self._stopped = True
            case _:
                raise AssertionError(f"there is no event {kind}")

    def _message_start(self, message: Json) -> None:
        assert message["id"]
        assert (message["type"], message["role"]) == ("message", "assistant")
        assert isinstance(message["model"], str)
        assert message["content"] == []
        assert (message["stop_reason"], message["stop_sequence"]) == (None, None)
        _check_usage(message["usage"], "input_tokens", "output_tokens")
        self.message = message

    def _block_start(self, index: int, block: Json) -> None:
        assert self._open is None, "a block begins while another is open"
        assert index == self._index, "indexes are dense, in the order of the blocks"
        for name, value in _EMPTY.get(block["type"], {}).items():
            assert block[name] == value, f"a {block['type']} begins with an empty {name}"
        if block["type"] == "tool_use":
            assert block["id"]
            assert block["name"]
        self._open = block
        self._input = ""

    def _block(self, event: Json) -> Json:
        assert self._open is not None, f"{event['type']} comes while no block is open"
        assert event["index"] == self._index, f"{event['type']} is of another block"
        return self._open

    def _delta(self, block: Json, delta: Json) -> None:
        kind = delta["type"]
        assert kind in _DELTAS, f"there is no {kind}"
        blocks, member = _DELTAS[kind]
        assert block["type"] in blocks, f"a {kind} in a {block['type']}"
        value = delta[member]
        assert not block.get("signature"), "the signature is the last delta of its block, and one"
        match kind:
            case "citations_delta":
                assert value["type"]
                block.setdefault("citations", []).append(value)
            case "input_json_delta":
                assert isinstance(value, str)
                self._input += value
            case "signature_delta":
                assert value
                block["signature"] = value
            case _:
                assert isinstance(value, str)
                block[member] += value

    def _block_stop(self, block: Json) -> None:
        match block["type"]:
            case "text":
                assert block["text"], "a text block without text cannot be sent back"
            case "thinking":
                assert block["signature"], "thinking without a signature cannot be sent back"
            case "tool_use" | "server_tool_use":
                block["input"] = self._whole_input()
            case _:
                pass
        self.message["content"].append(block)
        self._open = None
        self._index += 1

    def _whole_input(self) -> Json:
        text = self._input
        if not text:
            return {}
        try:
            value: Any = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if type(value) is not dict:
            assert self._broken_inputs, f"an input is a JSON object: {text!r}"
            return {"unparsed_arguments": text}
        return {**value}

    def _message_delta(self, delta: Json, usage: Json) -> None:
        assert self._open is None, "the message ends while a block is open"
        assert delta["stop_reason"] in _REASONS
        assert (delta["stop_reason"] == "stop_sequence") == (delta["stop_sequence"] is not None)
        _check_usage(usage, "output_tokens")
        assert usage["output_tokens"] >= self.message["usage"]["output_tokens"], "it is cumulative"
        called = any(block["type"] == "tool_use" for block in self.message["content"])
        assert called or delta["stop_reason"] != "tool_use", "nothing is called"
        assert not (called and delta["stop_reason"] == "end_turn"), "calls are waited for"
        self.message |= delta
        self.message["usage"] |= usage
        self._ended = True


def _check_usage(usage: Json, *mandatory: str) -> None:
    for name in mandatory:
        assert type(usage[name]) is int, f"usage has {name}"
    for name, value in usage.items():
        assert not isinstance(value, int) or value >= 0, f"{name} is below nothing"


def judged(data: bytes, *, broken_inputs: bool = False) -> Json:
    """Return the message that a whole stream amounts to; raise where it breaks a law."""
    laws = MessagesStreamLaws(broken_inputs=broken_inputs)
    laws.feed(data)
    laws.close()
    return laws.message
