"""What services refuse of a POST to /v1/responses, and in which words.

`check` raises `Refused` as the service of `flavour` does. The fake keeps nothing, so whatever
speaks of state is refused: this holds us to send all of it, every time. It is stricter than the
services in one thing: models of gpt-5.6 want the thoughts of each call in the running turn.
"""

from hashlib import blake2s
from typing import Final

from .chat_rules import Json, Refused, is_list, is_object, refuse

__all__ = ["Json", "Refused", "check_responses", "encrypted"]

_KNOWN: Final = frozenset(
    {
        "client_metadata", "context_management", "include", "input", "instructions",
        "max_output_tokens", "max_tool_calls", "metadata", "model", "parallel_tool_calls",
        "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning",
        "safety_identifier", "service_tier", "store", "stream", "stream_options", "temperature",
        "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user",
    }
)  # fmt: skip
_VLLM_TOO: Final = frozenset({"seed", "stop", "top_k", "priority", "chat_template_kwargs"})
_STATE: Final = ("previous_response_id", "conversation", "background", "prompt")
_INCLUDE: Final = frozenset(
    {
        "reasoning.encrypted_content", "message.output_text.logprobs",
        "web_search_call.action.sources", "file_search_call.results",
    }
)  # fmt: skip
_CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}
_HOSTED: Final = frozenset({"web_search", "web_search_preview", "mcp", "code_interpreter"})
_HOSTED_ITEMS: Final = {"web_search_call": "ws_", "mcp_call": "mcp_"}
_PARTS: Final = {
    "user": {"input_text": "text", "input_image": "detail", "input_file": "", "input_audio": ""},
    "assistant": {"output_text": "text", "refusal": "refusal"},
}
_EFFORTS: Final = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})


def encrypted(model: str, thought: str) -> str:
    """Return what the service makes of a thought: nobody else can, and for one model alone."""
    return f"gAAAAfake{blake2s(f'{model}/{thought}'.encode()).hexdigest()}"


def check_responses(body: Json, flavour: str = "openai") -> None:
    """Raise `Refused` for what the service of `flavour` refuses."""
    _check_members(body, flavour)
    _check_tools(body, flavour)
    _check_text(body)
    _check_reasoning(body)
    _check_input(body, flavour)


def _bad(message: str, param: str, code: str = "invalid_value") -> Refused:
    return refuse(message, param=param, code=code)


def _check_members(body: Json, flavour: str) -> None:
    for name in ("model", "input"):
        if name not in body:
            raise _bad(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    for name in _STATE:
        if body.get(name):
            raise _bad("Nothing is kept here.", name, "previous_response_not_found")
    if body.get("store") is not False:
        raise _bad("Nothing may be kept here: say store false.", "store")
    known = _KNOWN | _VLLM_TOO if flavour == "vllm" else _KNOWN
    for name in body:
        if name not in known and name not in _STATE:
            raise _bad(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    for place, word in enumerate(body.get("include") or ()):
        if word not in _INCLUDE:
            raise _bad(f"Invalid value: '{word}'.", f"include[{place}]")
    if (limit := body.get("max_output_tokens")) is not None and limit < 16 and flavour != "vllm":
        raise _bad("Expected a value >= 16.", "max_output_tokens", "integer_below_min_value")
    if body.get("top_logprobs") is not None and body["model"].startswith("gpt-5"):
        raise _bad("Unsupported parameter.", "top_logprobs", "unsupported_parameter")
    if body["model"].startswith(("gpt-5", "gpt-6")):
        for name in ("temperature", "top_p"):
            if name in body:
                raise _bad(f"Unsupported parameter: '{name}'.", name, "unsupported_parameter")
    if body.get("truncation") not in (None, "auto", "disabled"):
        raise _bad("Invalid truncation.", "truncation")


def _check_tools(body: Json, flavour: str) -> None:
    names: set[tuple[str, str]] = set()
    for place, tool in enumerate(body.get("tools") or ()):
        where = f"tools[{place}]"
        kind = tool.get("type")
        if "function" in tool:
            raise _bad("Missing required parameter: 'name'.", f"{where}.name")
        if flavour == "vllm" and kind != "function":
            raise _bad(f"Unknown type of tool: {kind}.", f"{where}.type")
        if kind == "namespace":
            nested: list[Json] = tool.get("tools") or []
            if not tool.get("name") or not tool.get("description") or not nested:
                raise _bad("An incomplete namespace.", where)
            names.add((kind, tool["name"]))
            for inner in nested:
                _check_callable(inner, where)
                names.add((inner["type"], inner["name"]))
        elif kind in ("function", "custom"):
            _check_callable(tool, where)
            names.add((kind, tool["name"]))
        elif kind in _HOSTED:
            names.add((kind, ""))
        else:
            raise _bad(f"Invalid value: '{kind}'.", f"{where}.type")
    _check_choice(body, names)


def _check_callable(tool: Json, where: str) -> None:
    known = {"type", "name", "description", "parameters", "strict", "format"}
    if not tool.get("name") or set(tool) - known:
        raise _bad("Invalid tool.", where)
    if tool["type"] == "function" and not is_object(tool.get("parameters")):
        raise _bad("Invalid parameters.", f"{where}.parameters", "invalid_function_parameters")
    form = tool.get("format", {"type": "text"})
    grammar = form["type"] == "grammar"
    if grammar and (form["syntax"] not in ("lark", "regex") or not form["definition"]):
        raise _bad("Invalid grammar.", f"{where}.format")


def _check_choice(body: Json, names: set[tuple[str, str]]) -> None:
    choice = body.get("tool_choice")
    if choice in (None, "none", "auto", "required"):
        return
    if not is_object(choice):
        raise _bad("Invalid tool_choice.", "tool_choice")
    chosen = choice["tools"] if choice["type"] == "allowed_tools" else [choice]
    for one in chosen:
        if "function" in one or (one["type"], one.get("name", "")) not in names:
            raise _bad("Tool choice names no tool.", "tool_choice")


def _check_text(body: Json) -> None:
    text: Json = body.get("text") or {}
    wanted: Json = text.get("format") or {"type": "text"}
    if wanted["type"] not in ("text", "json_object", "json_schema") or "json_schema" in wanted:
        raise _bad("Invalid format.", "text.format.type")
    if wanted["type"] == "json_schema" and not {"name", "schema"} <= set(wanted):
        raise _bad("Missing required parameter.", "text.format.name")
    if set(text) - {"format", "verbosity"}:
        raise _bad("Unknown parameter.", "text", "unknown_parameter")


def _check_reasoning(body: Json) -> None:
    reasoning: Json = body.get("reasoning") or {}
    if set(reasoning) - {"effort", "summary", "context"}:
        raise _bad("Unknown parameter.", "reasoning", "unknown_parameter")
    if reasoning.get("effort") not in (None, *_EFFORTS):
        raise _bad("Invalid effort.", "reasoning.effort")
    if reasoning.get("summary") not in (None, "auto", "concise", "detailed"):
        raise _bad("Invalid summary.", "reasoning.summary")


def _check_input(body: Json, flavour: str) -> None:
    items = body["input"]
    if isinstance(items, str):
        return
    if not is_list(items) or not items:
        raise _bad("Invalid input.", "input")
    calls: dict[str, str] = {}
    proven = False
    ids: set[str] = set()
    for place, item in enumerate(items):
        where = f"input[{place}]"
        if not is_object(item):
            raise _bad("Invalid item.", where, "invalid_type")
        _check_id(item, where, ids)
        kind = item.get("type", "message")
        if kind == "message":
            proven = proven and item.get("role") == "assistant"
            _check_message(item, where, flavour)
        elif kind in _CALLS:
            if not isinstance(item.get(_CALLS[kind]), str) or not item.get("name"):
                raise _bad("An incomplete call.", where)
            if flavour == "vllm" and kind == "custom_tool_call":
                raise _bad("Unknown type of item.", where)
            calls[item["call_id"]] = kind
            _check_thoughts(body, items[place:], where, proven=proven)
        elif kind in ("function_call_output", "custom_tool_call_output"):
            if calls.get(item.get("call_id", "")) != kind.removesuffix("_output"):
                raise _bad(
                    f"No tool call found for function call output with call_id {item['call_id']}.",
                    "input",
                )
        elif kind == "reasoning":
            _check_proof(body, item, where, flavour)
            proven = True
        elif kind in _HOSTED_ITEMS:
            if not str(item.get("id", "")).startswith(_HOSTED_ITEMS[kind]):
                raise _bad(f"Expected an ID that begins with {_HOSTED_ITEMS[kind]!r}.", where)
        else:
            raise _bad(f"Invalid value: '{kind}'.", f"{where}.type")


def _check_id(item: Json, where: str, ids: set[str]) -> None:
    for name in ("id", "approval_request_id"):
        if "_mmx" in str(item.get(name, "")):
            raise _bad("Item with such an id was not found.", f"{where}.{name}", "not_found")
    own = item.get("id")
    if own in ids:
        raise _bad("Duplicate item found.", where)
    if own is not None:
        ids.add(own)


def _check_message(item: Json, where: str, flavour: str) -> None:
    role = item.get("role")
    roles = ("user", "assistant", "system")
    if role not in roles and not (role == "developer" and flavour != "vllm"):
        raise _bad(f"Invalid value: '{role}'.", f"{where}.role")
    if item.get("phase") is not None and (
        role != "assistant" or item["phase"] not in ("commentary", "final_answer")
    ):
        raise _bad("Invalid phase.", f"{where}.phase")
    content = item.get("content")
    if isinstance(content, str):
        return
    known = _PARTS["assistant" if role == "assistant" else "user"]
    for number, part in enumerate(content or ()):
        needed = known.get(part.get("type"))
        if needed is None or (needed and needed not in part):
            raise _bad("Invalid part.", f"{where}.content[{number}]")


def _check_proof(body: Json, item: Json, where: str, flavour: str) -> None:
    sealed = item.get("encrypted_content")
    if flavour == "vllm":
        if sealed:
            raise _bad("Encrypted content is not supported.", where)
        if not item.get("id") or not is_list(item.get("summary")):
            raise _bad("An incomplete reasoning item.", where)
        return
    if not sealed:
        raise _bad(f"Item with id '{item.get('id')}' not found: nothing is kept.", where)
    # Thoughts that bring their proof need no id: Codex leaves it out.
    if not str(item.get("id", "rs_")).startswith("rs_") or not is_list(item.get("summary")):
        raise _bad("An incomplete reasoning item.", where)
    thought = "".join(part["text"] for part in item["summary"]) or "hidden"
    if sealed not in (encrypted(body["model"], thought), encrypted(body["model"], "hidden")):
        raise _bad(
            "The encrypted content could not be verified.", where, "invalid_encrypted_content"
        )


def _check_thoughts(body: Json, rest: list[Json], where: str, *, proven: bool) -> None:
    """A call that the user has said nothing after belongs to the running turn."""
    running = not any(item.get("role") == "user" for item in rest)
    if running and not proven and body["model"].startswith("gpt-5.6"):
        raise _bad("A call came back without its reasoning.", where, "missing_reasoning")
