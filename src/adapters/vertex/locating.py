"""Locator: finds project and region once, off the event loop, and keeps them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from ...domain.errors import ConfigurationError, UpstreamAuthFailed
from ..transport.settings import TransportSettings
from .credential_file import CredentialFile, find_credential_file
from .endpoints import host_of
from .location import Found, Surroundings, find_project, find_region
from .metadata import MetadataAbsent, MetadataFailed, MetadataServer
from .token_http import TokenHttp

_METADATA_TIME_S = 4.0
_DRY_PROJECT = "{project}"
NO_PROJECT = (
    "No Google Cloud project was found. Set `project` for the provider, GOOGLE_CLOUD_PROJECT, or "
    "run `gcloud config set project`."
)


@dataclass(frozen=True, slots=True)
class Location:
    project: Found
    region: Found


class Locator:
    def __init__(
        self,
        project: str | None,
        region: str | None,
        credentials_file: str | None,
        environment: Mapping[str, str],
        settings: TransportSettings,
    ) -> None:
        self._project = project
        self._region = region
        self._credentials_file = credentials_file
        self._environment = environment
        self._settings = settings
        self._found: Location | None = None
        self._finding = asyncio.Lock()

    async def locate(self) -> Location:
        """Return project and region; asks the metadata server only for what nothing else tells.

        Raises:
            UpstreamAuthFailed: there is no project, or the region found is no region.
        """
        if self._found is None:
            async with self._finding:
                if self._found is None:
                    self._found = await asyncio.to_thread(self._find)
        return self._found

    def _find(self) -> Location:
        metadata = _OneChance(self._environment, self._settings)
        around = Surroundings(
            project=self._project,
            region=self._region,
            environment=self._environment,
            credentials=self._credentials(),
            metadata_project=metadata.project,
            metadata_region=metadata.region,
        )
        project = find_project(around) or self._in_its_place()
        if project is None:
            raise UpstreamAuthFailed(NO_PROJECT)
        region = find_region(around)
        try:
            host_of(region.value)
        except ConfigurationError as error:
            raise UpstreamAuthFailed(
                "The region that was found for Vertex AI is none; set `region` for the provider.",
                detail=f"{region.explain()}: {error.message}",
            ) from error
        return Location(project, region)

    def _in_its_place(self) -> Found | None:
        return Found(_DRY_PROJECT, "a dry run") if self._settings.dry else None

    def _credentials(self) -> CredentialFile | None:
        try:
            return find_credential_file(self._credentials_file, self._environment)
        except ConfigurationError:
            return None  # signing in tells of it, and better


class _OneChance:
    """The metadata server, asked no more once it did not answer: elsewhere that takes seconds."""

    def __init__(self, environment: Mapping[str, str], settings: TransportSettings) -> None:
        self._server = MetadataServer(environment)
        self._http = TokenHttp(settings, total_s=_METADATA_TIME_S)
        self._absent = settings.dry

    def project(self) -> str | None:
        return self._ask(region=False)

    def region(self) -> str | None:
        return self._ask(region=True)

    def _ask(self, *, region: bool) -> str | None:
        if self._absent:
            return None
        try:
            return self._server.region(self._http) if region else self._server.project(self._http)
        except MetadataAbsent:
            self._absent = True
        except MetadataFailed:
            pass
        return None
