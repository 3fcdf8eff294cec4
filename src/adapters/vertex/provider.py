"""VertexProvider: Claude, Gemini and OpenAI's models, at Google's address with its tokens."""

from collections.abc import Iterable, Mapping, Sequence

from ...application.ports import Answer, Clock, LlmProvider, Reading
from ...domain.capabilities import Capabilities
from ...domain.errors import UpstreamAuthFailed
from ...domain.request import GenerationRequest
from ..gemini.embed import EmbeddingDecoder
from ..gemini.errors import decode_error
from ..transport.answers import open_answer, open_relay
from ..transport.client import HttpCall
from ..transport.embedding_answers import open_embeddings
from ..transport.languages import WireLanguage
from ..transport.settings import TransportSettings
from .calls import VertexCalls
from .counter import VertexCounter
from .endpoints import parse_model
from .languages import Hearing
from .locating import Location
from .options import VertexOptions
from .probe import VertexProbe

__all__ = ["VertexOptions", "VertexProvider"]

_UNKNOWN = Capabilities()


class VertexProvider(LlmProvider):
    """Whoever made it closes it. Nothing is read, and nobody asked, before the first call."""

    def __init__(
        self,
        name: str,
        options: VertexOptions,
        *,
        environment: Mapping[str, str],
        clock: Clock,
        settings: TransportSettings,
    ) -> None:
        self._calls = VertexCalls(
            name, options, environment=environment, clock=clock, settings=settings
        )

    def accepts(self, model: str) -> bool:
        """Return whether the name tells its publisher, and we know that one."""
        return parse_model(model) is not None

    def capabilities_for(self, model: str) -> Capabilities:
        """Return the record of `model`; of a name that is not accepted, the widest."""
        if not self.accepts(model):
            return _UNKNOWN
        parsed, language = self._calls.model(model)
        return language.capabilities(parsed.name)

    def probe(self, models: Sequence[str] = ()) -> VertexProbe:
        """Return the probe, which asks about `models`, the first of each publisher."""
        return VertexProbe(self._calls, models)

    def counter(self) -> VertexCounter:
        """Return what counts tokens with this provider's calls."""
        return VertexCounter(self._calls)

    async def location(self) -> Location:
        """Return project and region, and where they were found.

        Raises:
            UpstreamAuthFailed: there is no project.
        """
        return await self._calls.location()

    async def credentials(self) -> str:
        """Sign in, and return for people what with.

        Raises:
            ProviderError: no token can be had.
        """
        await self._calls.signed()
        return self._calls.signed_with()

    async def open(self, request: GenerationRequest) -> Answer:
        calls = self._calls
        model, language = calls.model(request.model)
        # Said before anybody is asked: what cannot be said costs no call.
        said = language.say(model.name, request)
        door = calls.known_door(request.model) or await calls.door(request.model)
        signed = await calls.signed()
        stream = request.stream
        url = door.stream if stream else door.whole
        if isinstance(said.hearing, EmbeddingDecoder):
            url = door.embed
        try:
            call = HttpCall(url, (*door.headers, *said.headers, *signed), said.body)
            return await self._ask(call, said.hearing, request)
        except UpstreamAuthFailed as error:
            if error.status != 401:
                raise
            # A token may be revoked before its end: one more try with a new one.
            renewed = await calls.signed_anew(signed)
            if renewed is None:
                raise
        call = HttpCall(url, (*door.headers, *said.headers, *renewed), said.body)
        return await self._ask(call, said.hearing, request)

    async def _ask(self, call: HttpCall, hearing: Hearing, request: GenerationRequest) -> Answer:
        client, stream = self._calls.client, request.stream
        if isinstance(hearing, EmbeddingDecoder):
            return await open_embeddings(client, call, hearing, decode_error)
        if isinstance(hearing, WireLanguage):
            return await open_answer(client, call, hearing, stream=stream)
        request.journal.relayed = True
        answer = await open_relay(client, call, hearing, stream=stream)
        request.journal.relayed = not hearing.translated
        return answer

    def readings(self) -> Iterable[Reading]:
        """Return how many connections there are."""
        return self._calls.client.readings()

    async def aclose(self) -> None:
        """Close the connections, and end a sign-in that is under way. Idempotent."""
        await self._calls.aclose()
