"""`python -m tests.support.compatibility_table`: write the tables of docs/API_COMPATIBILITY.md.

A cell is a function of what a configured provider says of a representative model of its: its
capability record, and whether it counts tokens. In which lane a dialect goes is tried, dry. So the
tables cannot say more than is so.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from modelmux.application.explain import Explain, Outcome, WouldSend
from modelmux.application.lanes import WITHOUT_CONTENT
from modelmux.domain.capabilities import (
    Capabilities,
    ImageInput,
    SchemaForm,
    Structured,
    Thinking,
)
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import ModelNotFound
from modelmux.domain.request import Caller
from modelmux.entrypoints.container import Container
from modelmux.entrypoints.explaining import read_request
from tests.support.configuring import load_text

PAGE: Final = Path(__file__).parents[2] / "docs" / "API_COMPATIBILITY.md"
YES, NO = "yes", "refused"
RELAYED, UNREAD, TRANSLATED = "relayed", "relayed unread", "translated"
TOLD: Final = "left out, told"
OURS: Final = "by modelmux"


@dataclass(frozen=True, slots=True)
class Model:
    """A representative model of a provider of the configuration below."""

    title: str
    provider: str
    name: str


@dataclass(frozen=True, slots=True)
class Column:
    model: Model
    type: str
    can: Capabilities
    counts: bool
    lanes: Mapping[Dialect, str]


Cell = Callable[[Column], str]

# Each needs nothing from outside: no credentials, and no address that would be asked.
CONFIG: Final = """
[[providers]]
type = "openai"
api_key = "${KEY}"
[[providers]]
type = "openai_compat"
base_url = "https://llm.example.com/v1"
[[providers]]
type = "vllm"
[[providers]]
type = "ollama"
[[providers]]
type = "huggingface"
api_key = "${KEY}"
[[providers]]
type = "azure"
base_url = "https://x.openai.azure.com"
api_key = "${KEY}"
[[providers]]
type = "anthropic"
api_key = "${KEY}"
[[providers]]
type = "vertex"
project = "p"
region = "global"
[[providers]]
type = "gemini"
api_key = "${KEY}"
[[providers]]
type = "bedrock"
region = "us-east-1"
api_key = "${KEY}"
[[providers]]
type = "cohere"
api_key = "${KEY}"
[[providers]]
type = "demo"
"""
_HELLO: Final = [{"role": "user", "content": "Hello"}]
# The plainest request of each dialect.
PLAIN: Final[Mapping[Dialect, Mapping[str, object]]] = {
    Dialect.CHAT_COMPLETIONS: {"messages": _HELLO},
    Dialect.RESPONSES: {"input": "Hello", "store": False},
    Dialect.MESSAGES: {"max_tokens": 64, "messages": _HELLO},
    Dialect.COMPLETIONS: {"prompt": "Hello"},
    Dialect.EMBEDDINGS: {"input": "Hello"},
}
CHAT_MODELS: Final = (
    Model("OpenAI", "openai", "gpt-5.4"),
    Model("Azure OpenAI", "azure", "gpt-5.4"),
    Model("Claude, Anthropic", "anthropic", "claude-sonnet-5-5"),
    Model("Claude, Vertex AI", "vertex", "claude-sonnet-5-5"),
    Model("Claude, Bedrock", "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    Model("Gemini API", "gemini", "gemini-3.6-flash"),
    Model("Gemini, Vertex AI", "vertex", "gemini-3.6-flash"),
    Model("Nova, Bedrock", "bedrock", "amazon.nova-pro-v1:0"),
    Model("gpt-oss, Bedrock", "bedrock", "openai.gpt-oss-120b-1:0"),
    Model("Cohere", "cohere", "command-a-plus"),
    Model("Hugging Face", "huggingface", "openai/gpt-oss-120b"),
    Model("vLLM", "vllm", "gpt-oss-120b"),
    Model("Ollama", "ollama", "gpt-oss:120b"),
    Model("compatible servers", "openai_compat", "some-model"),
)
EMBEDDING_MODELS: Final = (
    Model("OpenAI", "openai", "text-embedding-3-large"),
    Model("Azure OpenAI", "azure", "text-embedding-3-large"),
    Model("Gemini API", "gemini", "gemini-embedding-001"),
    Model("Gemini, Vertex AI", "vertex", "gemini-embedding-001"),
    Model("Vertex AI's own", "vertex", "text-embedding-005"),
    Model("Titan, Bedrock", "bedrock", "amazon.titan-embed-text-v2:0"),
    Model("Cohere, Bedrock", "bedrock", "cohere.embed-v4:0"),
    Model("Cohere", "cohere", "embed-v4.0"),
    Model("Hugging Face", "huggingface", "BAAI/bge-m3"),
    Model("vLLM", "vllm", "BAAI/bge-m3"),
    Model("Ollama", "ollama", "embeddinggemma"),
    Model("compatible servers", "openai_compat", "some-model"),
    Model("Claude, anywhere", "anthropic", "claude-sonnet-5-5"),
)


def dry_container() -> Container:
    """Return a gateway of all the providers, none of which is called."""
    with TemporaryDirectory() as folder:
        loaded = load_text(CONFIG, Path(folder), {"KEY": "not-a-key"})
    return Container(loaded=loaded.keeping_nothing(), dry=True)


async def outcome_of(
    container: Container, model: Model, dialect: Dialect, body: Mapping[str, object]
) -> Outcome:
    """Return what would become of a request to `model`."""
    content = json.dumps({"model": f"{model.provider}/{model.name}", **body}).encode()
    read = await read_request(
        content, dialect, Caller("local"), sealer=container.seal().sealer,
        ids=container.ids(), clock=container.clock(),
    )  # fmt: skip
    assert read is not None
    explained = await Explain(container.router()).explain(read.request)
    return explained.targets[0].outcome


async def _lane(container: Container, model: Model, dialect: Dialect) -> str:
    try:
        outcome = await outcome_of(container, model, dialect, PLAIN[dialect])
    except ModelNotFound:
        return NO
    if not isinstance(outcome, WouldSend):
        return NO
    if not outcome.relayed:
        return TRANSLATED
    if dialect in WITHOUT_CONTENT:
        return RELAYED
    can = container.planner().plan(f"{model.provider}/{model.name}").targets[0].capabilities
    return RELAYED if can.restrictions else UNREAD


async def _column(container: Container, model: Model) -> Column:
    entry = next(one for one in container.planner().providers if one.name == model.provider)
    lanes = {dialect: await _lane(container, model, dialect) for dialect in PLAIN}
    can = entry.capabilities(model.name)
    return Column(model, entry.type, can, entry.counter is not None, lanes)


async def columns(models: tuple[Model, ...]) -> tuple[Column, ...]:
    """Return what the providers say of `models`."""
    container = dry_container()
    return tuple([await _column(container, model) for model in models])


def _if(can_it: Callable[[Capabilities], bool], otherwise: str = NO, there: str = YES) -> Cell:
    return lambda column: there if can_it(column.can) else otherwise


def _dialect(dialect: Dialect) -> Cell:
    return lambda column: column.lanes[dialect]


def _sampling(*names: str) -> Cell:
    """Return the cell of fields that are taken all, or some, or none."""

    def cell(column: Column) -> str:
        taken = [name for name in names if name in column.can.sampling]
        if not taken:
            return TOLD
        return YES if len(taken) == len(names) else ", ".join(f"`{name}`" for name in taken)

    return cell


def _candidates(column: Column) -> str:
    return YES if "n" in column.can.sampling else NO


def _stop(column: Column) -> str:
    if "stop" not in column.can.sampling:
        return TOLD
    return YES if column.can.max_stop is None else f"up to {column.can.max_stop}"


def _tools(column: Column) -> str:
    return "on Responses, when it thinks" if column.can.tools_only_on_responses else (
        YES if column.can.tools else NO
    )  # fmt: skip


def _runs(dialect: Dialect) -> Cell:
    return _if(lambda can: can.hosted_tools and dialect in can.dialects, TOLD)


def _schema(column: Column) -> str:
    if column.can.structured is not Structured.JSON_SCHEMA:
        return "emulated"
    return "native" if column.can.structured_with_tools else "native; emulated beside tools"


def _thinking(column: Column) -> str:
    can = column.can
    if can.thinking is Thinking.NONE:
        return TOLD
    also = ", budget" if can.takes_budgets and can.thinking is not Thinking.BUDGET else ""
    return f"{can.thinking.value}{also}"


def _images(column: Column) -> str:
    match column.can.image_input:
        case ImageInput.NONE:
            return NO
        case ImageInput.BYTES:
            return "yes; URLs are fetched"
        case ImageInput.URL:
            return "yes, by URL too"


def _results(column: Column) -> str:
    if column.can.image_input is ImageInput.NONE:
        return NO
    return YES if column.can.result_media else "moved behind the result"


def _forms(column: Column) -> str:
    said = sorted(form.value for form in column.can.said_otherwise)
    if not said:
        return "as they are"
    return "all forms adapted" if len(said) == len(SchemaForm) else ", ".join(said)


def _proofs(column: Column) -> str:
    return "kept or sealed" if column.can.proofs is not None else "has none"


def _metadata(column: Column) -> str:
    if not column.can.metadata:
        return TOLD
    return "as labels" if column.can.label_metadata else YES


def _counting(column: Column) -> str:
    return "by the provider" if column.counts else "estimated"


CHAT_ROWS: Final[Mapping[str, Cell]] = {
    "`/v1/chat/completions`": _dialect(Dialect.CHAT_COMPLETIONS),
    "`/v1/responses`": _dialect(Dialect.RESPONSES),
    "`/v1/messages`": _dialect(Dialect.MESSAGES),
    "`/v1/completions` (the old ones)": _dialect(Dialect.COMPLETIONS),
    "streamed": lambda _: YES,
    "functions": _tools,
    "free-form (custom) tools": _if(lambda can: can.custom_tools, "emulated"),
    "a forced tool choice": _if(lambda can: can.forced_tool_choice, "asked for in words"),
    "one call at a time": _if(lambda can: can.parallel_switch, OURS),
    "strict functions": _if(lambda can: can.strict_tools, TOLD),
    "OpenAI's hosted tools (`web_search`, ...)": _runs(Dialect.RESPONSES),
    "Anthropic's server tools": _runs(Dialect.MESSAGES),
    "answers by JSON schema": _schema,
    "answers in JSON": _if(
        lambda can: can.json_object and can.structured is not Structured.NONE, "emulated"
    ),
    "forms of schemas said otherwise": _forms,
    "thinking": _thinking,
    "thinking switched off": _if(
        lambda can: can.thinking_off or can.thinking is Thinking.NONE, TOLD
    ),
    "signatures of thoughts": _proofs,
    "`temperature`, `top_p`": _sampling("temperature", "top_p"),
    "`top_k`": _sampling("top_k"),
    "`stop`": _stop,
    "`seed`": _sampling("seed"),
    "`presence_penalty`, `frequency_penalty`": _sampling("presence_penalty", "frequency_penalty"),
    "`logprobs`": _sampling("logprobs"),
    "`logit_bias`": _sampling("logit_bias"),
    "`n` over 1": _candidates,
    "images": _images,
    "PDF files": _if(lambda can: can.file_input),
    "PDF files by URL": _if(lambda can: can.file_input and can.file_urls),
    "audio": _if(lambda can: can.audio_input),
    "images in tool results": _results,
    "citations asked of documents": _if(lambda can: can.document_notes, TOLD),
    "cache marks": _if(lambda can: can.cache_marks, TOLD),
    "names of tools": _if(lambda can: can.tool_names is None, "mapped there and back", "any"),
    "`metadata`": _metadata,
    "`verbosity`": _if(lambda can: can.verbosity, TOLD),
    "tokens counted": _counting,
}


def _vectors(cell: Cell) -> Cell:
    """Return the cell of what is decided here: where it is relayed, the server decides."""

    def shown(column: Column) -> str:
        lane = column.lanes[Dialect.EMBEDDINGS]
        if lane == TRANSLATED:
            return cell(column)
        return "-" if lane == NO else "as sent"

    return shown


def _batch(column: Column) -> str:
    most = column.can.embedding_batch
    return "any number" if most is None else f"any number, {most} in a call"


EMBEDDING_ROWS: Final[Mapping[str, Cell]] = {
    "`/v1/embeddings`": _dialect(Dialect.EMBEDDINGS),
    "inputs": _vectors(_batch),
    "`encoding_format: base64`": _vectors(lambda _: OURS),
    "`dimensions`": _vectors(_if(lambda can: can.embedding_dimensions)),
    "numbers of tokens as input": _vectors(_if(lambda can: can.embedding_tokens)),
    "task": _vectors(lambda column: f"`{task}`" if (task := column.can.embedding_task) else "none"),
}
TABLES: Final[Mapping[str, tuple[tuple[Model, ...], Mapping[str, Cell]]]] = {
    "generation": (CHAT_MODELS, CHAT_ROWS),
    "embeddings": (EMBEDDING_MODELS, EMBEDDING_ROWS),
}


def table(name: str) -> str:
    """Return a table as Markdown."""
    models, rows = TABLES[name]
    made = asyncio.run(columns(models))
    lines = [
        f"| | {' | '.join(column.model.title for column in made)} |",
        f"|---{'|---' * len(made)}|",
        f"| asked as | {' | '.join(f'`{column.model.name}`' for column in made)} |",
    ]
    lines += [
        f"| {row} | {' | '.join(cell(column) for column in made)} |" for row, cell in rows.items()
    ]
    return "\n".join(lines)


def page_with(text: str) -> str:
    """Return the page's `text` with its tables made anew."""
    for name in TABLES:
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"the page has no place for the table {name}")
        text = f"{before}{begin}\n{table(name)}\n{end}{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page_with(PAGE.read_text()))
