"""Signs the gateway in at Google.

google-auth is synchronous: it runs in a worker thread, about once an hour. The token is renewed
ahead of its end, once for all who wait, and a failure hurts nobody while the old one is valid;
that is `CachedToken`'s business. After a failure the file is read again, so that signing in anew
with gcloud mends a running gateway.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import sleep

from google.auth.exceptions import GoogleAuthError

from ...application.ports import Clock, Credentials
from ...domain.errors import ConfigurationError, ProviderError
from ..transport.settings import TransportSettings
from ..transport.tokens import CachedToken, Token
from .credential_file import CredentialFile, find_credential_file
from .credentials import SCOPE, Refreshable, impersonate, load
from .metadata import MetadataAbsent, MetadataCredentials, MetadataServer
from .sign_in_errors import explain_bad_file, explain_broken_answer, explain_sign_in_error
from .token_http import TokenHttp

AHEAD_S = 225.0  # Google's own libraries renew 3 min 45 s before the end
_LIFE_UNKNOWN_S = 600.0
_RENEW_PAUSE_S = 30.0
_TRIES = 3
_PAUSE_S = 0.5
_STAND_IN = "{google access token}"

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SignInOptions:
    """All optional: `credentials_file` above what the environment names, `impersonate` the e-mail
    of a service account to act as, `quota_project` the project that quota is counted for."""

    credentials_file: str | None = None
    impersonate: str | None = None
    impersonate_url: str | None = None
    quota_project: str | None = None


class GoogleSignIn(Credentials):
    """Gives the headers that sign a call in; whoever made it closes it."""

    def __init__(
        self,
        options: SignInOptions,
        environment: Mapping[str, str],
        clock: Clock,
        settings: TransportSettings,
    ) -> None:
        self._options = options
        self._environment = environment
        self._clock = clock
        self._settings = settings
        self._metadata = MetadataServer(environment)
        self._loaded: _Account | None = None
        self._tokens = self._new_tokens()
        self._spent: CachedToken | None = None
        self._renew_again_at = float("-inf")
        self._token = ""
        self._headers: Headers = ()

    async def header(self) -> tuple[str, str]:
        return (await self.headers())[0]

    async def headers(self) -> Headers:
        """Return the authorization header and, if there is one, that of the quota project.

        Does not suspend while the token is valid.

        Raises:
            ProviderError: no token can be had.
        """
        dry = self._settings.dry
        token = _STAND_IN if dry else await self._tokens.get()
        if token is not self._token:
            self._headers = (("authorization", f"Bearer {token}"), *self._quota_header())
            self._token = token
        return self._headers

    async def renew(self, refused: Headers) -> Headers | None:
        """Return headers with another token than `refused`, which the upstream did not take.

        Whoever comes second with the same refused token gets what the first has fetched. None if
        that was tried a moment ago: an upstream that refuses every token must not cost one a call.
        """
        if refused is self._headers:
            now = self._clock.monotonic()
            if now < self._renew_again_at:
                return None
            self._renew_again_at = now + _RENEW_PAUSE_S
            # Others may be waiting for the old one's fetch, so that is not ended here; it ends by
            # itself before there can be another one to keep.
            self._spent, self._tokens = self._tokens, self._new_tokens()
            self._headers, self._token = (), ""
        return await self.headers()

    def describe(self) -> str:
        """Return, for people, where the credentials come from; after a token was fetched."""
        account = self._loaded
        if account is None:
            return "not signed in"
        acting = f", acting as {self._options.impersonate}" if self._options.impersonate else ""
        return f"{account.source}{acting}"

    async def aclose(self) -> None:
        """End a renewal that is under way. Idempotent."""
        await self._tokens.aclose()
        if self._spent is not None:
            await self._spent.aclose()

    def _new_tokens(self) -> CachedToken:
        return CachedToken(self._fetch, self._clock, ahead_s=AHEAD_S)

    def _quota_header(self) -> Headers:
        account = self._loaded
        project = (
            self._options.quota_project
            or self._environment.get("GOOGLE_CLOUD_QUOTA_PROJECT")
            or (account.quota_project if account else None)
        )
        return (("x-goog-user-project", project),) if project else ()

    async def _fetch(self) -> Token:
        value, lifetime_s = await asyncio.to_thread(self._sign_in)
        return Token(value, self._clock.now() + lifetime_s)

    def _sign_in(self) -> tuple[str, float]:
        """Return a new token and the seconds it lives; runs in a worker thread."""
        account = self._loaded
        kind = account.kind if account else ""
        http = TokenHttp(self._settings)
        try:
            if account is None:
                account = self._load()
                kind = account.kind
            _refresh(account.credentials, http)
            value = account.credentials.token
            if not isinstance(value, str) or not value or not value.isascii():
                raise TypeError("no token")
            expiry: datetime | None = account.credentials.expiry
        except ProviderError:
            raise
        except ConfigurationError as error:
            raise explain_bad_file(error) from error
        except GoogleAuthError as error:
            self._loaded = None
            raise explain_sign_in_error(error, kind, in_trouble=http.in_trouble) from error
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # google-auth lets these out where an answer is not of the shape it expects.
            self._loaded = None
            raise explain_broken_answer(error, kind) from error
        self._loaded = account
        if expiry is None:
            return value, _LIFE_UNKNOWN_S
        # google-auth's own clock made the expiry, so its length is what can be trusted.
        return value, (expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()

    def _load(self) -> "_Account":
        file = find_credential_file(self._options.credentials_file, self._environment)
        credentials: Refreshable = (
            MetadataCredentials(self._metadata, SCOPE) if file is None else load(file)
        )
        if self._options.impersonate:
            url = self._options.impersonate_url
            credentials = impersonate(credentials, self._options.impersonate, url)
        return _Account.of(file, credentials)


def _refresh(credentials: Refreshable, http: TokenHttp) -> None:
    """Refresh; again where Google's servers were in trouble, which google-auth does for some."""
    while True:
        try:
            credentials.refresh(http)
        except MetadataAbsent:
            raise
        except GoogleAuthError:
            if not (http.in_trouble and http.troubles < _TRIES):
                raise
            sleep(_PAUSE_S)
        else:
            return


@dataclass(frozen=True, slots=True)
class _Account:
    kind: str
    source: str
    quota_project: str | None
    credentials: Refreshable

    @classmethod
    def of(cls, file: CredentialFile | None, credentials: Refreshable) -> "_Account":
        if file is None:
            return cls("", "the metadata server", None, credentials)
        whose = f" of {file.principal}" if file.principal else ""
        source = f"{file.path} ({file.kind}{whose}; found by {file.source})"
        return cls(file.kind, source, file.quota_project, credentials)
