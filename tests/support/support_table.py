"""`python -m tests.support.support_table`: write the table of docs/RESPONSES_API_SUPPORT.md.

A cell is a function of a capability record alone, so that the table cannot say more than the
records do.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from modelmux.adapters.anthropic_messages import capabilities as claude
from modelmux.adapters.demo.provider import CAPABILITIES as DEMO
from modelmux.adapters.gemini import capabilities as gemini
from modelmux.adapters.openai_compat.preset import Preset
from modelmux.adapters.openai_compat.presets import PRESETS
from modelmux.adapters.vllm.provider import PRESET as VLLM
from modelmux.domain.capabilities import (
    Capabilities,
    ImageInput,
    Structured,
    Thinking,
    resolve,
)
from modelmux.domain.dialect import Dialect

PAGE: Final = Path(__file__).parents[2] / "docs" / "RESPONSES_API_SUPPORT.md"
BEGIN: Final = "<!-- table: begin -->"
END: Final = "<!-- table: end -->"
NATIVE, TRANSLATED, EMULATED, NO = "native", "translated", "emulated", "not possible"
OURS: Final = "by modelmux"
Cell = Callable[[Capabilities], str]


def _of_preset(preset: Preset, model: str) -> Capabilities:
    return resolve(preset.capabilities, preset.rules, model)


COLUMNS: Final[Mapping[str, Capabilities]] = {
    "OpenAI, Azure": _of_preset(PRESETS["openai"], "gpt-6"),
    "vLLM": _of_preset(VLLM, "gpt-oss-120b"),
    "compatible servers": _of_preset(PRESETS["openai_compat"], "some-model"),
    "Claude (Vertex)": resolve(claude.VERTEX_BASE, claude.VERTEX_RULES, "claude-sonnet-5-5"),
    "Gemini (Vertex)": resolve(gemini.BASE, gemini.RULES, "gemini-3.6-flash"),
    "demo": DEMO,
}


def _spoken(can: Capabilities) -> bool:
    return Dialect.RESPONSES in can.dialects


def _said(there: Cell | None = None, otherwise: str = NO) -> Cell:
    """Return the cell of what every language has a word for, if the target can do it at all."""

    def cell(can: Capabilities) -> str:
        if there is not None and there(can) != "yes":
            return otherwise
        return NATIVE if _spoken(can) else TRANSLATED

    return cell


def _when(can_it: Callable[[Capabilities], bool], otherwise: str = NO) -> Cell:
    return _said(lambda can: "yes" if can_it(can) else "no", otherwise)


def _only_spoken(otherwise: str) -> Cell:
    return lambda can: NATIVE if _spoken(can) else otherwise


def _whole_language(otherwise: str) -> Cell:
    """Servers of open models that speak Responses know functions and the plain choices alone."""
    return lambda can: NATIVE if _spoken(can) and can.tool_namespaces else otherwise


def _ours(can: Capabilities) -> str:
    del can
    return OURS


def _sampling(name: str) -> Cell:
    def cell(can: Capabilities) -> str:
        taken = can.responses_sampling if _spoken(can) else can.sampling
        if name not in taken:
            return "left out, told"
        return NATIVE if _spoken(can) else TRANSLATED

    return cell


def _carried(can: Capabilities) -> str:
    if can.proofs is not None:
        return "sealed"
    return "as text" if _spoken(can) else "nothing to carry"


def _schema(can: Capabilities) -> str:
    if can.structured is not Structured.JSON_SCHEMA:
        return EMULATED
    return NATIVE if _spoken(can) else TRANSLATED


ROWS: Final[Mapping[str, Cell]] = {
    "text in and out, streamed": _said(),
    "store, `previous_response_id`, branches, conversations": _ours,
    "`background`, resume, `cancel`": _ours,
    "WebSocket": _ours,
    "`function` tools": _when(lambda can: can.tools),
    "`custom` tools": _when(lambda can: can.tools and can.custom_tools, EMULATED),
    "`namespace` tools": lambda can: NATIVE if _spoken(can) and can.tool_namespaces else EMULATED,
    "hosted tools (`web_search`, ...)": lambda can: (
        NATIVE if _spoken(can) and can.hosted_tools else "left out, told"
    ),
    "`tool_choice`: required, or one tool": _when(lambda can: can.forced_tool_choice, EMULATED),
    "`allowed_tools`": _whole_language(EMULATED),
    "`parallel_tool_calls: false`": _when(lambda can: can.parallel_switch, EMULATED),
    "`text.format`: json_schema": _schema,
    "`text.format`: json_object": _when(
        lambda can: can.json_object and can.structured is not Structured.NONE, EMULATED
    ),
    "`reasoning.effort`": _when(lambda can: can.thinking is not Thinking.NONE, "left out, told"),
    "reasoning carried by the client (`store: false`)": _carried,
    "images": _when(lambda can: can.image_input is not ImageInput.NONE),
    "files by value": _when(lambda can: can.file_input),
    "audio": _when(lambda can: can.audio_input),
    "`temperature`": _sampling("temperature"),
    "`top_logprobs`": _sampling("logprobs"),
    "`text.verbosity`": _when(lambda can: can.verbosity, "left out, told"),
    "`truncation: auto`": _only_spoken(EMULATED),
}


def table() -> str:
    """Return the table as Markdown."""
    lines = [
        f"| | {' | '.join(COLUMNS)} |",
        f"|---{'|---' * len(COLUMNS)}|",
    ]
    for row, cell in ROWS.items():
        cells = " | ".join(cell(record) for record in COLUMNS.values())
        lines.append(f"| {row} | {cells} |")
    return "\n".join(lines)


def page_with(text: str, made: str) -> str:
    """Return the page's `text` with `made` as its table."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page_with(PAGE.read_text(), table()))
