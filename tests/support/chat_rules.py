"""What services refuse of a chat-completions request, and in which words.

`check` raises `Refused` with the status and body of the service it plays: OpenAI and Azure refuse
unknown members, Mistral too with 422, vLLM ignores them; all want a conversation in order.
"""

from typing import Any, Final, TypeGuard

# Any: a JSON body, looked at piece by piece.
Json = dict[str, Any]

_KNOWN: Final = frozenset(
    [
        "model",
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "stop",
        "logit_bias",
        "n",
        "logprobs",
        "top_logprobs",
        "max_tokens",
        "max_completion_tokens",
        "response_format",
        "reasoning_effort",
        "verbosity",
        "service_tier",
        "metadata",
        "user",
        "stream",
        "stream_options",
        "store",
        "modalities",
        "audio",
        "prediction",
        "web_search_options",
        "functions",
        "function_call",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "moderation",
    ]
)
_MISTRAL: Final = frozenset(
    [
        "model",
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "random_seed",
        "stop",
        "n",
        "logprobs",
        "top_logprobs",
        "max_tokens",
        "response_format",
        "reasoning_effort",
        "metadata",
        "stream",
        "safe_prompt",
        "prompt_mode",
        "prompt_cache_key",
        "service_tier",
        "prediction",
        "guardrails",
        "min_tokens",
        "top_k",
        "repetition_penalty",
    ]
)
_ROLES: Final = {
    "openai": {"developer", "system", "user", "assistant", "tool", "function"},
    "plain": {"system", "user", "assistant", "tool"},
}
_PARTS: Final = {
    "system": {"text"},
    "developer": {"text"},
    "tool": {"text"},
    "user": {"text", "image_url", "input_audio", "file"},
    "assistant": {"text", "refusal"},
}
_REFUSED_WHILE_REASONING: Final = (
    "max_tokens",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "logit_bias",
    "stop",
)


def is_object(value: Any) -> TypeGuard[Json]:
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Json]]:
    return isinstance(value, list)


class Refused(Exception):
    """The request is refused with this status and body."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


def refuse(
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    status: int = 400,
    flavour: str = "openai",
) -> Refused:
    """Return a refusal in the envelope of the service."""
    kind = "invalid_request_error"
    if flavour == "vllm":
        flat = {"object": "error", "message": message, "type": "BadRequestError"}
        return Refused(status, {**flat, "param": param, "code": status})
    if flavour == "mistral":
        problem = {"type": "extra_forbidden", "loc": ["body", param or ""], "msg": message}
        return Refused(422, {"detail": [problem]})
    error = {"message": message, "type": kind, "param": param, "code": code}
    return Refused(status, {"error": error})


def check(body: Json, flavour: str = "openai") -> None:
    """Raise `Refused` for what the service of `flavour` refuses."""
    _check_members(body, flavour)
    _check_tools(body, flavour)
    _check_messages(body, flavour)
    model = body["model"]
    if model.startswith("gpt-5.6") and body.get("tools") and body.get("reasoning_effort") != "none":
        raise refuse("Function tools are not supported here.", param="tools", flavour=flavour)
    if model.startswith(("gpt-5", "o3")) and body.get("reasoning_effort") != "none":
        for name in _REFUSED_WHILE_REASONING:
            if name in body:
                raise refuse(
                    f"Unsupported parameter: '{name}'.",
                    param=name,
                    code="unsupported_parameter",
                    flavour=flavour,
                )


def _check_members(body: Json, flavour: str) -> None:
    for name in ("model", "messages"):
        if name not in body:
            raise refuse(
                f"Missing required parameter: '{name}'.",
                param=name,
                code="missing_required_parameter",
                flavour=flavour,
            )
    known = {"openai": _KNOWN, "azure": _KNOWN, "mistral": _MISTRAL}.get(flavour)
    for name in body:
        if known is not None and name not in known:
            raise refuse(
                f"Unrecognized request argument supplied: {name}",
                param=name,
                code="unknown_parameter",
                flavour=flavour,
            )
    if "stream_options" in body and not body.get("stream"):
        raise refuse("stream_options needs stream.", param="stream_options", flavour=flavour)
    if "max_tokens" in body and "max_completion_tokens" in body:
        raise refuse("Set one of both limits.", param="max_tokens", flavour=flavour)
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        raise refuse("top_logprobs needs logprobs.", param="top_logprobs", flavour=flavour)
    if flavour == "deepseek" and body.get("reasoning_effort") == "none":
        raise refuse("unknown variant `none`", param="reasoning_effort", flavour=flavour)


def _check_tools(body: Json, flavour: str) -> None:
    tools = body.get("tools")
    if tools is None:
        for name in ("tool_choice", "parallel_tool_calls"):
            if name in body:
                raise refuse(f"'{name}' needs tools.", param=name, flavour=flavour)
        return
    if not tools:
        raise refuse("'tools' is empty.", param="tools", flavour=flavour)
    names: set[str] = set()
    for place, tool in enumerate(tools):
        kind = tool.get("type")
        kinds = ("function", "custom") if flavour in ("openai", "azure") else ("function",)
        if kind not in kinds or "name" not in tool.get(kind, {}):
            raise refuse("Invalid tool.", param=f"tools[{place}]", flavour=flavour)
        names.add(tool[kind]["name"])
    choice = body.get("tool_choice")
    if is_object(choice):
        kind = choice.get("type")
        if kind == "allowed_tools" and flavour in ("openai", "azure"):
            chosen: list[Json] = choice["allowed_tools"]["tools"]
        else:
            chosen = [choice]
        for one in chosen:
            if one.get(str(one.get("type")), {}).get("name") not in names:
                raise refuse("No such tool.", param="tool_choice", flavour=flavour)
    elif choice not in (None, "none", "auto", "required"):
        raise refuse("Invalid tool_choice.", param="tool_choice", flavour=flavour)


def _check_messages(body: Json, flavour: str) -> None:
    messages = body["messages"]
    if not is_list(messages) or not messages:
        raise refuse("'messages' is too short.", param="messages", flavour=flavour)
    roles = _ROLES["openai" if flavour in ("openai", "azure") else "plain"]
    waiting: set[str] = set()
    thinks = body.get("thinking") != {"type": "disabled"}
    last_user = max(
        (place for place, one in enumerate(messages) if one.get("role") == "user"), default=-1
    )
    for place, message in enumerate(messages):
        where = f"messages[{place}]"
        role = message.get("role")
        if role not in roles:
            raise refuse(f"Invalid role {role!r}.", param=f"{where}.role", flavour=flavour)
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                raise refuse(
                    "A message with role 'tool' must answer a preceding call.",
                    param=f"{where}.role",
                    flavour=flavour,
                )
            waiting.discard(message["tool_call_id"])
        elif waiting:
            raise refuse(
                "An assistant message with 'tool_calls' must be followed by tool messages.",
                param=where,
                flavour=flavour,
            )
        calls: list[Json] = message.get("tool_calls") or []
        if role == "assistant":
            waiting = {call["id"] for call in calls}
            if not calls and message.get("content") is None and not message.get("refusal"):
                raise refuse("Empty message.", param=f"{where}.content", flavour=flavour)
            if flavour == "deepseek" and thinks and calls and place > last_user:
                _check_thoughts(message, where)
        _check_content(message, where, flavour)
    if waiting:
        raise refuse("A tool call is not answered.", param="messages", flavour=flavour)
    if flavour == "mistral" and messages[-1]["role"] not in ("user", "tool"):
        raise refuse("Expected last role User or Tool.", param="messages", flavour=flavour)


def _check_thoughts(message: Json, where: str) -> None:
    if not message.get("reasoning_content"):
        raise refuse(
            "The `reasoning_content` of a tool call must be passed back to the API.",
            param=where,
            flavour="deepseek",
        )


def _check_content(message: Json, where: str, flavour: str) -> None:
    content = message.get("content")
    if content is None:
        if message["role"] != "assistant":
            raise refuse("Missing content.", param=f"{where}.content", flavour=flavour)
        return
    if isinstance(content, str):
        return
    for number, part in enumerate(content):
        kind = part.get("type")
        if kind not in _PARTS[message["role"]] or kind not in part:
            raise refuse(
                f"Invalid part {kind!r}.", param=f"{where}.content[{number}]", flavour=flavour
            )
        url = part["image_url"].get("url", "") if kind == "image_url" else "data:"
        if not url.startswith(("https://", "http://", "data:")):
            raise refuse("Invalid image.", param=f"{where}.content[{number}]", flavour=flavour)
