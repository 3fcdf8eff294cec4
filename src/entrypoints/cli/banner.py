"""What a person reads when the gateway is up: where it is, what it offers, a line to paste."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ... import __version__

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # told, not bound
_SHOWN_MODELS = 8


@dataclass(frozen=True, slots=True)
class Facts:
    """`models` are names known so far; `found` sentences about what nobody configured."""

    host: str
    port: int
    file: str | None
    found: Sequence[str]
    providers: Sequence[str]
    models: Sequence[str]
    needs_key: bool

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{_EVERY_ADDRESS.get(self.host, host)}:{self.port}"


def banner(facts: Facts) -> str:
    """Return the text; it ends without a newline."""
    key = "$MODELMUX_KEY" if facts.needs_key else "none-needed"
    model = facts.models[0] if facts.models else "MODEL"
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
    header = '-H "authorization: Bearer $MODELMUX_KEY" ' if facts.needs_key else ""
    lines = [
        f"modelmux {__version__} listens on {facts.url}",
        "",
        f"  configuration  {facts.file or 'no file'}",
        *(f"  found          {sentence}" for sentence in facts.found),
        f"  providers      {', '.join(facts.providers)}",
        f"  models         {list_models(facts.models)}",
        f"  callers        {_callers(facts)}",
        "",
        f"  curl    curl {facts.url}/v1/chat/completions {header}"
        f"-H 'content-type: application/json' -d '{body}'",
        f'  Python  OpenAI(base_url="{facts.url}/v1", api_key="{key}")',
        f"  tools   export OPENAI_BASE_URL={facts.url}/v1 OPENAI_API_KEY={key}",
        f"  Claude  export ANTHROPIC_BASE_URL={facts.url} ANTHROPIC_AUTH_TOKEN={key}",
        "",
    ]
    return "\n".join(lines)


def list_models(models: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    if not models:
        return "not known yet: modelmux models list"
    more = f" and {len(models) - _SHOWN_MODELS} more" if len(models) > _SHOWN_MODELS else ""
    return ", ".join(models[:_SHOWN_MODELS]) + more


def _callers(facts: Facts) -> str:
    return "need a key" if facts.needs_key else "this machine only, no key needed"
