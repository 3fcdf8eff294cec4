"""Where calls go and what signs them: what the provider and its probe share."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar

from ...application.ports import Clock
from ...domain.errors import ModelNotFound, ProviderError
from ..gemini.embed import vertex_verb
from ..transport.client import HttpClient
from ..transport.settings import TransportSettings
from ..transport.url import Url
from .auth import GoogleSignIn, Headers
from .endpoints import Endpoints, VertexModel, parse_model
from .languages import Language, languages
from .locating import Location, Locator
from .options import VertexOptions

_MAX_KEPT = 1024
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Door:
    """What all calls of one model have in common."""

    whole: Url
    stream: Url
    count: Url
    embed: Url
    headers: Headers


class VertexCalls:
    """Owns the client and the sign-in. Every `ProviderError` out of here bears our name."""

    def __init__(
        self,
        name: str,
        options: VertexOptions,
        *,
        environment: Mapping[str, str],
        clock: Clock,
        settings: TransportSettings,
    ) -> None:
        self.client = HttpClient(name, settings)
        self.name = name
        self._options = options
        self._languages = languages(
            options.anthropic_version,
            options.anthropic_beta,
            settings.max_event_bytes,
            options.embedding_verbs,
        )
        self._sign_in = GoogleSignIn(options.sign_in, environment, clock, settings)
        self._locator = Locator(
            options.project,
            options.region,
            options.sign_in.credentials_file,
            environment,
            settings,
        )
        self._doors: dict[str, Door] = {}
        self._models: dict[str, tuple[VertexModel, Language]] = {}

    def model(self, name: str) -> tuple[VertexModel, Language]:
        """Return the model that clients call `name`, and the language it is asked in.

        Raises:
            ModelNotFound: its publisher cannot be told, or is none that we know.
        """
        known = self._models.get(name)
        if known is None:
            model = parse_model(name)
            if model is None:
                raise ModelNotFound(name)
            known = (model, self._languages[model.publisher])
            _keep(self._models, name, known)
        return known

    def known_door(self, name: str) -> Door | None:
        """Return the door of a model that was called before; without waiting."""
        return self._doors.get(name)

    async def door(self, name: str) -> Door:
        """Return the door of a model.

        Raises:
            UpstreamAuthFailed: there is no project to call it for.
        """
        model, language = self.model(name)
        location = await self.location()
        options = self._options
        region = next(
            (region for pattern, region in options.regions.items() if fnmatchcase(name, pattern)),
            location.region.value,
        )
        endpoints = Endpoints(location.project.value, options.base_url, options.api_version)
        door = Door(
            endpoints.whole(model, region),
            endpoints.stream(model, region),
            endpoints.count(model, region),
            endpoints.embed(model, region, vertex_verb(model.name, options.embedding_verbs)),
            (*language.headers, *options.headers),
        )
        _keep(self._doors, name, door)
        return door

    async def location(self) -> Location:
        """Return project and region, and where they were found.

        Raises:
            UpstreamAuthFailed: there is no project.
        """
        try:
            return await self._locator.locate()
        except ProviderError as error:
            error.provider = self.name
            raise

    async def signed(self) -> Headers:
        """Return the headers that sign a call in; from memory while the token is valid.

        Raises:
            ProviderError: no token can be had.
        """
        try:
            return await self._sign_in.headers()
        except ProviderError as error:
            error.provider = self.name
            raise

    async def signed_anew(self, refused: Headers) -> Headers | None:
        """`signed`, with another token than the one refused; None if that is of no use now."""
        try:
            return await self._sign_in.renew(refused)
        except ProviderError as error:
            error.provider = self.name
            raise

    def signed_with(self) -> str:
        """Return, for people, what we are signed in with."""
        return self._sign_in.describe()

    async def aclose(self) -> None:
        await self._sign_in.aclose()
        await self.client.aclose()


def _keep(kept: dict[str, _T], name: str, value: _T) -> None:
    # Names come from callers: what is kept of them is bounded.
    if len(kept) >= _MAX_KEPT:
        kept.clear()
    kept[name] = value
