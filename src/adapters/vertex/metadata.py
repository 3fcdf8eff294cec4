"""The metadata server of Google's machines: tokens, project and region without any file.

Ours rather than google-auth's, which imports `requests` for it and asks up to fifteen seconds
whether there is one. Source: cloud.google.com/compute/docs/metadata.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any

from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError

from .token_http import NoAnswer, TokenHttp

_TRIES = 3
_PAUSE_S = 0.5
_TIMEOUT_S = 3.0


class MetadataFailed(GoogleAuthError):
    """The metadata server did not give what was asked."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)  # type: ignore[no-untyped-call]  # google-auth's are untyped


class MetadataAbsent(MetadataFailed):
    """There is no metadata server: this is not one of Google's machines."""


class MetadataServer:
    """Reads values. `GCE_METADATA_HOST` in `environment` names another host, as everywhere."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._wanted = environment.get("NO_GCE_CHECK") != "true"
        host = environment.get("GCE_METADATA_HOST") or environment.get("GCE_METADATA_ROOT")
        self.host = host or "metadata.google.internal"

    def read(self, http: TokenHttp, path: str) -> str:
        """Return the text at `path`, which is relative to `/computeMetadata/v1/`.

        Raises:
            MetadataAbsent: nothing answers there as the metadata server does.
            MetadataFailed: it answers, but not with that value.
        """
        if not self._wanted:
            raise MetadataAbsent("NO_GCE_CHECK says there is no metadata server")
        url = f"http://{self.host}/computeMetadata/v1/{path}"
        status = 0
        for attempt in range(_TRIES):
            if attempt:
                sleep(_PAUSE_S * attempt)
            try:
                # It is next door: no proxy stands between, whatever the environment says.
                answer = http(
                    url, headers={"Metadata-Flavor": "Google"}, timeout=_TIMEOUT_S, direct=True
                )
            except NoAnswer as error:
                raise MetadataAbsent("the metadata server does not answer") from error
            # Some networks answer every unknown name with a page of their own.
            if answer.headers.get("Metadata-Flavor") != "Google":
                raise MetadataAbsent("what answers there is no metadata server")
            if answer.status == 200:
                return answer.data.decode("utf-8", "replace").strip()
            status = answer.status
            if status < 500 and status != 429:
                break
        raise MetadataFailed(f"the metadata server answered {path} with status {status}")

    def project(self, http: TokenHttp) -> str:
        return self.read(http, "project/project-id")

    def region(self, http: TokenHttp) -> str:
        """Return the region of this machine: told by Cloud Run, part of the zone elsewhere."""
        try:
            return self.read(http, "instance/region").rpartition("/")[2]
        except MetadataAbsent:
            raise
        except MetadataFailed:
            return self.read(http, "instance/zone").rpartition("/")[2].rpartition("-")[0]


class MetadataCredentials(Credentials):
    """The service account this machine runs as."""

    def __init__(self, server: MetadataServer, scope: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # google-auth's are untyped
        self._server = server
        self._scope = scope
        self.token: str | None = None
        self.expiry: datetime | None = None

    def refresh(self, request: TokenHttp) -> None:
        """Fetch a token.

        Raises:
            MetadataFailed: there is no server, or it gives none.
        """
        path = f"instance/service-accounts/default/token?scopes={self._scope}"
        try:
            answer: Any = json.loads(self._server.read(request, path))  # Any: JSON
            self.token = str(answer["access_token"])
            lifetime = timedelta(seconds=int(answer["expires_in"]))
        except (ValueError, KeyError, TypeError) as error:
            raise MetadataFailed("the metadata server's answer holds no token") from error
        # Naive and in UTC, as all of google-auth's credentials keep it.
        self.expiry = datetime.now(UTC).replace(tzinfo=None) + lifetime
