"""vLLM: chat completions with `reasoning`, Responses without memory, and parameters of its own.

Guided decoding and the other parameters of vLLM (`structured_outputs`, `top_k`,
`chat_template_kwargs`, `priority`, ...) are unknown members of a request: relayed unread, and
put behind the known ones in a translated request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from ...application.ports import Credentials
from ...domain.capabilities import RESPONSES_SAMPLING
from ..openai_chat.capabilities import FUNCTIONS_ALONE, WITH_RESPONSES
from ..openai_chat.spelling import Spelling
from ..openai_compat.endpoints import Paths
from ..openai_compat.preset import Preset
from ..openai_compat.provider import OpenAICompatOptions, OpenAICompatProvider
from ..openai_responses.spelling import OPEN_MODELS
from ..transport.settings import TransportSettings
from ..transport.url import Url

# Most chat templates know `enable_thinking`; those that do not take no notice.
_NO_THINKING: Final[Mapping[str, object]] = MappingProxyType(
    {"chat_template_kwargs": {"enable_thinking": False}}
)

PRESET: Final = Preset(
    name="vllm",
    base_url="http://127.0.0.1:8000/v1",
    key_env="VLLM_API_KEY",
    needs_key=False,
    spelling=Spelling(
        max_tokens="max_completion_tokens",
        developer_role=False,
        no_effort=_NO_THINKING,
        allowed_tools=False,
        old_functions=False,
    ),
    responses=OPEN_MODELS,
    responses_optional=True,
    capabilities=replace(
        FUNCTIONS_ALONE,
        dialects=WITH_RESPONSES,
        sealed_thoughts=False,
        sampling=FUNCTIONS_ALONE.sampling | {"top_k"},
        responses_sampling=RESPONSES_SAMPLING | {"seed", "stop", "top_k"},
        file_input=False,
        verbosity=False,
    ),
)


@dataclass(frozen=True, slots=True)
class VllmOptions:
    """One vLLM server; `base_url` ends in `/v1` as a rule."""

    name: str
    base_url: Url
    auth: Credentials | None = None
    extra_headers: tuple[tuple[str, str], ...] = ()
    transport: TransportSettings = field(default_factory=TransportSettings)
    paths: Paths = field(default_factory=Paths)


class VllmProvider(OpenAICompatProvider):
    def __init__(self, options: VllmOptions) -> None:
        super().__init__(
            OpenAICompatOptions(
                name=options.name,
                preset=PRESET,
                base_url=options.base_url,
                auth=options.auth,
                extra_headers=options.extra_headers,
                paths=options.paths,
                transport=options.transport,
            )
        )

    def beside(self, path: str) -> Url:
        """Return the address of what stands beside the API, not below it: health, tokenizer."""
        base = self.options.base_url
        return base.at(base.target.partition("?")[0].rstrip("/").removesuffix("/v1") + path)
