"""Google's sign-in on a loopback socket: token endpoint, token exchange, IAM, metadata server.

As strict as the real ones: assertions must be signed by the key that was registered, carry the
right claims, and access tokens must be ones that were given out. What goes wrong is planned with
`plan`: each planned answer is used once, then the honest ones come again.
"""

import base64
import json
import threading
import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
REFRESH_TOKEN = "refresh-token-not-secret"
SUBJECT_TOKEN = "subject-token-not-secret"
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"


@dataclass(frozen=True, slots=True)
class Planned:
    """An answer that is given instead of the honest one; None for an honest one, but late."""

    status: int | None = None
    body: str = ""
    content_type: str = "application/json"
    delay_s: float = 0.0
    headers: tuple[tuple[str, str], ...] = (("Metadata-Flavor", "Google"),)


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    form: dict[str, str] = field(repr=False)


@dataclass(slots=True)
class FakeGoogle:
    """`url` without a slash at its end; `calls` what was asked, in order."""

    url: str
    lifetime_s: int = 3600
    project: str | None = "project-of-the-machine"
    zone: str | None = "europe-west4"
    calls: list[Call] = field(default_factory=list[Call])
    issued: list[str] = field(default_factory=list[str])
    _planned: dict[str, deque[Planned]] = field(default_factory=dict[str, "deque[Planned]"])
    _key: rsa.RSAPrivateKey | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def host(self) -> str:
        """Host and port, as `GCE_METADATA_HOST` wants them."""
        return urlsplit(self.url).netloc

    def plan(self, path: str, *answers: Planned) -> None:
        """Give `answers`, each once, to the next calls whose path begins with `path`."""
        self._planned.setdefault(path, deque()).extend(answers)

    def count(self, path: str) -> int:
        return sum(call.path.startswith(path) for call in self.calls)

    def service_account_file(self, folder: Path, *, project: str = "project-of-the-key") -> Path:
        """Write a service account's key file, made for this moment, and return its path."""
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return _write(
            folder / "service-account.json",
            {
                "type": "service_account",
                "project_id": project,
                "private_key_id": "key-1",
                "private_key": pem.decode(),
                "client_email": f"gateway@{project}.iam.gserviceaccount.com",
                "token_uri": f"{self.url}/token",
            },
        )

    def user_file(self, path: Path, *, quota_project: str | None = None) -> Path:
        """Write what `gcloud auth application-default login` writes, and return its path."""
        return _write(path, self._user(quota_project))

    def external_account_file(self, folder: Path, *, impersonate: str | None = None) -> Path:
        """Write a workload identity configuration whose subject token comes from a file."""
        (folder / "subject-token").write_text(SUBJECT_TOKEN)
        info: dict[str, Any] = {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/123/locations/global"
            "/workloadIdentityPools/pool/providers/provider",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{self.url}/sts/v1/token",
            "credential_source": {"file": str(folder / "subject-token")},
        }
        if impersonate:
            info["service_account_impersonation_url"] = self.impersonation_url(impersonate)
        return _write(folder / "external-account.json", info)

    def impersonated_file(self, folder: Path, account: str) -> Path:
        return _write(
            folder / "impersonated.json",
            {
                "type": "impersonated_service_account",
                "service_account_impersonation_url": self.impersonation_url(account),
                "source_credentials": self._user(None),
            },
        )

    def impersonation_url(self, account: str) -> str:
        return f"{self.url}/v1/projects/-/serviceAccounts/{account}:generateAccessToken"

    def _user(self, quota_project: str | None) -> dict[str, Any]:
        info = {
            "type": "authorized_user",
            "client_id": "client-id",
            "client_secret": "client-secret-not-secret",
            "refresh_token": REFRESH_TOKEN,
            "token_uri": f"{self.url}/token",
        }
        return info | ({"quota_project_id": quota_project} if quota_project else {})

    def take_planned(self, path: str) -> Planned | None:
        with self._lock:
            for prefix, answers in self._planned.items():
                if path.startswith(prefix) and answers:
                    return answers.popleft()
        return None

    def issue(self) -> str:
        with self._lock:
            token = f"token-{len(self.issued) + 1}-not-secret"
            self.issued.append(token)
            return token

    def check_assertion(self, assertion: str) -> str | None:
        """Return what is wrong with a service account's assertion; None for nothing."""
        head, claims, signature = assertion.split(".")
        if self._key is None:
            return "no such key"
        try:
            self._key.public_key().verify(
                _unpack(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return "Invalid JWT Signature."
        told: dict[str, Any] = json.loads(_unpack(claims))
        if told["scope"] != SCOPE or told["aud"] != "https://oauth2.googleapis.com/token":
            return "wrong scope or audience"
        return None if told["exp"] > time.time() else "expired"


@contextmanager
def fake_google() -> Generator[FakeGoogle, None, None]:
    """Serve until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    google = FakeGoogle(f"http://127.0.0.1:{server.server_port}")
    server.google = google
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield google
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    google: FakeGoogle

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: callers that leave early are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    @property
    def _google(self) -> FakeGoogle:
        assert isinstance(self.server, _Server)
        return self.server.google

    def do_GET(self) -> None:
        google = self._google
        path = urlsplit(self.path).path.removeprefix("/computeMetadata/v1/")
        if self._misbehaves():
            return
        if self.headers.get("Metadata-Flavor") != "Google":
            self._send(403, "Missing Metadata-Flavor:Google header.", "text/html")
        elif path == "instance/service-accounts/default/token":
            self._send_token({"token_type": "Bearer"})
        elif path == "project/project-id" and google.project:
            self._send(200, google.project, "application/text")
        elif path == "instance/zone" and google.zone:
            self._send(200, f"projects/123/zones/{google.zone}-b", "application/text")
        else:
            self._send(404, "not here", "text/html")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        if self._misbehaves(body):
            return
        if self.path == "/token":
            self._grant({name: values[0] for name, values in parse_qs(body).items()})
        elif self.path == "/sts/v1/token":
            self._exchange({name: values[0] for name, values in parse_qs(body).items()})
        elif self.path.endswith(":generateAccessToken"):
            self._impersonate(json.loads(body))
        else:
            self._send(404, "{}")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def _grant(self, form: dict[str, str]) -> None:
        if form["grant_type"] == _JWT_GRANT:
            wrong = self._google.check_assertion(form["assertion"])
        else:
            right = form["grant_type"] == "refresh_token" and form["refresh_token"] == REFRESH_TOKEN
            wrong = None if right else "Token has been expired or revoked."
        if wrong:
            self._send(400, json.dumps({"error": "invalid_grant", "error_description": wrong}))
        else:
            self._send_token({"token_type": "Bearer", "scope": SCOPE})

    def _exchange(self, form: dict[str, str]) -> None:
        if form["grant_type"] != _EXCHANGE_GRANT or form["subject_token"] != SUBJECT_TOKEN:
            self._send(400, json.dumps({"error": "invalid_request"}))
        else:
            self._send_token(
                {
                    "token_type": "Bearer",
                    "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                }
            )

    def _impersonate(self, asked: dict[str, Any]) -> None:
        google = self._google
        bearer = (self.headers.get("authorization") or "").removeprefix("Bearer ")
        if bearer not in google.issued:
            self._send(401, json.dumps({"error": {"code": 401, "status": "UNAUTHENTICATED"}}))
        elif asked["scope"] != [SCOPE]:
            self._send(400, json.dumps({"error": {"code": 400, "status": "INVALID_ARGUMENT"}}))
        else:
            ends_at = datetime.now(UTC) + timedelta(seconds=google.lifetime_s)
            told = {
                "accessToken": google.issue(),
                "expireTime": ends_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            self._send(200, json.dumps(told))

    def _misbehaves(self, body: str = "") -> bool:
        google = self._google
        form = {name: values[0] for name, values in parse_qs(body).items()}
        google.calls.append(Call(self.command, self.path, form))
        planned = google.take_planned(self.path)
        if planned is None:
            return False
        time.sleep(planned.delay_s)
        if planned.status is None:
            return False
        self._send(planned.status, planned.body, planned.content_type, planned.headers)
        return True

    def _send_token(self, beside: dict[str, str]) -> None:
        google = self._google
        told = {"access_token": google.issue(), "expires_in": google.lifetime_s} | beside
        self._send(200, json.dumps(told))

    def _send(
        self,
        status: int,
        text: str,
        content_type: str = "application/json",
        headers: tuple[tuple[str, str], ...] = (("Metadata-Flavor", "Google"),),
    ) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _write(path: Path, info: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(info))
    return path


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
