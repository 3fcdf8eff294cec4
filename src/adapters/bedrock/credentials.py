"""Credentials as AWS's own tools find them, by way of botocore (the extra `aws`).

Its chain asks in turn: environment, a profile's role, web identity, SSO, the shared files, a
process, the container's address, the machine's. It waits where it asks a network, so it runs in a
worker thread; one look serves all calls.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol, cast

# botocore has no types of its own; what is used of it is written down in the protocols below.
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]  # so
from botocore.session import Session  # type: ignore[import-untyped]  # as above

from ...application.ports import Clock
from ...domain.errors import ConfigurationError, UpstreamAuthFailed
from ..transport.tokens import CachedToken, Token
from ..transport.upstream_words import presentable
from .keys import KeySource
from .signing import AwsKeys

# botocore renews ahead by itself, a quarter of an hour; all we do is to ask it again at times.
_KEPT_S: Final = 300.0
_AHEAD_S: Final = 240.0
_RENEW_PAUSE_S: Final = 10.0
_FILES: Final = {
    "credentials_file": "AWS_SHARED_CREDENTIALS_FILE",
    "config_file": "AWS_CONFIG_FILE",
}


class _Frozen(Protocol):
    access_key: str
    secret_key: str
    token: str | None


class _Credentials(Protocol):
    method: str

    def get_frozen_credentials(self) -> _Frozen: ...


class _Session(Protocol):
    def get_credentials(self) -> _Credentials | None: ...
    def get_config_variable(self, logical_name: str) -> str | None: ...
    def set_config_variable(self, logical_name: str, value: str) -> None: ...


def _session(profile: str | None, environment: Mapping[str, str]) -> _Session:
    chosen = profile or environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")
    # cast: the class is untyped, see the imports.
    session = cast("_Session", Session(profile=chosen))
    for name, variable in _FILES.items():
        if environment.get(variable):
            session.set_config_variable(name, environment[variable])
    return session


def region_of(profile: str | None, environment: Mapping[str, str]) -> str | None:
    """Return the region that the profile names.

    Raises:
        ConfigurationError: there is no such profile, or the file cannot be read.
    """
    try:
        return _session(profile, environment).get_config_variable("region")
    except BotoCoreError as error:
        raise ConfigurationError(f"AWS's configuration cannot be used: {error}") from error


class ChainKeys(KeySource):
    """What the chain finds first."""

    def __init__(self, profile: str | None, environment: Mapping[str, str], clock: Clock) -> None:
        self._profile = profile
        self._environment = environment
        self._clock = clock
        self._credentials: _Credentials | None = None
        self._keys: AwsKeys | None = None
        self._looks = CachedToken(self._look, clock, _AHEAD_S)
        self._renew_again_at = float("-inf")

    async def keys(self) -> AwsKeys:
        await self._looks.get()
        if self._keys is None:
            raise _nothing_found()
        return self._keys

    async def renew(self, refused: AwsKeys) -> AwsKeys | None:
        if self._keys == refused:
            # Keys that are refused again and again must not cost a look a call.
            now = self._clock.monotonic()
            if now < self._renew_again_at:
                return None
            self._renew_again_at = now + _RENEW_PAUSE_S
            # What was loaded may be older than the files: begin anew.
            self._credentials = None
            await self._look()
        return self._keys if self._keys != refused else None

    def describe(self) -> str:
        found = self._credentials
        return "AWS's credential chain" if found is None else f"AWS's {found.method} credentials"

    async def aclose(self) -> None:
        await self._looks.aclose()

    async def _look(self) -> Token:
        keys = await asyncio.to_thread(self._ask)
        self._keys = keys
        return Token(keys.access_key, self._clock.now() + _KEPT_S)

    def _ask(self) -> AwsKeys:
        try:
            credentials = self._credentials
            if credentials is None:
                credentials = _session(self._profile, self._environment).get_credentials()
            if credentials is None:
                raise _nothing_found()
            found = credentials.get_frozen_credentials()
        except (BotoCoreError, ClientError, OSError, ValueError) as error:
            self._credentials = None
            raise UpstreamAuthFailed(
                "The gateway could not get credentials of AWS.", detail=presentable(str(error))
            ) from error
        self._credentials = credentials
        return AwsKeys(found.access_key, found.secret_key, found.token or None)


def _nothing_found() -> UpstreamAuthFailed:
    return UpstreamAuthFailed(
        "The gateway found no credentials of AWS.",
        detail="set AWS_BEARER_TOKEN_BEDROCK or the provider's api_key, or sign in to AWS",
    )
