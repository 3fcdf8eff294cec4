"""Signing in at a Google that stands on a loopback socket."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.transport.settings import TransportSettings
from modelmux.adapters.vertex.auth import GoogleSignIn, SignInOptions
from modelmux.application.ports import Credentials
from modelmux.domain.errors import (
    ProviderError,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamUnreachable,
)
from tests.contracts.credentials import CredentialsContract
from tests.support.fake_google import FakeGoogle, Planned, fake_google

ACCOUNT = "acted-as@project.iam.gserviceaccount.com"


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with fake_google() as running:
        yield running


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(time.time())


class SignIns:
    """Makes sign-ins and closes them."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._made: list[GoogleSignIn] = []

    def make(self, options: SignInOptions | None = None, **environment: str) -> GoogleSignIn:
        made = GoogleSignIn(
            options or SignInOptions(), environment, self._clock, TransportSettings()
        )
        self._made.append(made)
        return made

    async def aclose(self) -> None:
        for made in self._made:
            await made.aclose()


@pytest.fixture
async def sign_ins(clock: ManualClock) -> AsyncIterator[SignIns]:
    sign_ins = SignIns(clock)
    yield sign_ins
    await sign_ins.aclose()


class TestGoogleSignIn(CredentialsContract):
    @pytest.fixture
    def credentials(self, google: FakeGoogle, sign_ins: SignIns, tmp_path: Path) -> Credentials:
        file = google.service_account_file(tmp_path)
        return sign_ins.make(SignInOptions(credentials_file=str(file)))

    @pytest.fixture
    def refused(self, sign_ins: SignIns, tmp_path: Path) -> Credentials:
        return sign_ins.make(SignInOptions(credentials_file=str(tmp_path / "missing.json")))


async def test_a_service_account_file_of_the_configuration_signs_in(
    google: FakeGoogle, sign_ins: SignIns, tmp_path: Path
) -> None:
    file = google.service_account_file(tmp_path)
    sign_in = sign_ins.make(SignInOptions(credentials_file=str(file)))
    assert await sign_in.headers() == (("authorization", "Bearer token-1-not-secret"),)
    assert "gateway@project-of-the-key" in sign_in.describe()
    assert "credentials_file" in sign_in.describe()


async def test_the_file_of_the_environment_variable_signs_in(
    google: FakeGoogle, sign_ins: SignIns, tmp_path: Path
) -> None:
    file = google.service_account_file(tmp_path)
    sign_in = sign_ins.make(GOOGLE_APPLICATION_CREDENTIALS=str(file))
    assert await sign_in.header() == ("authorization", "Bearer token-1-not-secret")
    assert "GOOGLE_APPLICATION_CREDENTIALS" in sign_in.describe()


async def test_a_persons_credentials_sign_in_and_name_their_quota_project(
    google: FakeGoogle, sign_ins: SignIns, tmp_path: Path
) -> None:
    google.user_file(
        tmp_path / ".config/gcloud/application_default_credentials.json", quota_project="paying"
    )
    sign_in = sign_ins.make(HOME=str(tmp_path))
    assert await sign_in.headers() == (
        ("authorization", "Bearer token-1-not-secret"),
        ("x-goog-user-project", "paying"),
    )
    assert "gcloud's application-default credentials" in sign_in.describe()


async def test_a_configured_quota_project_stands_above_that_of_the_file(
    google: FakeGoogle, sign_ins: SignIns, tmp_path: Path
) -> None:
    file = google.user_file(tmp_path / "adc.json", quota_project="paying")
    options = SignInOptions(credentials_file=str(file), quota_project="other")
    assert ("x-goog-user-project", "other") in await sign_ins.make(options).headers()


async def test_a_workload_identity_exchanges_its_token(
    google: FakeGoogle, sign_ins: SignIns, tmp_path: Path
) -> None:
    file = google.external_account_file(tmp_path)
    sign_in = sign_ins.make(SignInOptions(credentials_file=str(file)))
    assert await sign_in.header() == ("authorization", "Bearer token-1-not-secret")


async def test_a_workload_identity_may_act_as_a_service_account(
    google: FakeGoogle, sign_ins: SignIns, tmp_path: Path
) -> None:
    file = google.external_account_file(tmp_path, impersonate=ACCOUNT)
    sign_in = sign_ins.make(SignInOptions(credentials_file=str(file)))
    assert await sign_in.header() == ("authorization", "Bearer token-2-not-secret")
    assert [call.path for call in google.calls] == [
        "/sts/v1/token",
        google.impersonation_url(ACCOUNT).removeprefix(google.url),
    ]


async def test_a_file_of_an_impersonated_account_signs_in(
    google: FakeGoogle, sign_ins: SignIns, tmp_path: Path
) -> None:
    file = google.impersonated_file(tmp_path, ACCOUNT)
    sign_in = sign_ins.make(SignInOptions(credentials_file=str(file)))
    assert await sign_in.header() == ("authorization", "Bearer token-2-not-secret")


async def test_any_credentials_may_be_told_to_act_as_a_service_account(
    google: FakeGoogle, sign_ins: SignIns
) -> None:
    options = SignInOptions(impersonate=ACCOUNT, impersonate_url=google.impersonation_url(ACCOUNT))
    sign_in = sign_ins.make(options, GCE_METADATA_HOST=google.host)
    assert await sign_in.header() == ("authorization", "Bearer token-2-not-secret")
    assert ACCOUNT in sign_in.describe()


async def test_the_metadata_server_signs_in_where_there_is_no_file(
    google: FakeGoogle, sign_ins: SignIns
) -> None:
    sign_in = sign_ins.make(GCE_METADATA_HOST=google.host)
    assert await sign_in.headers() == (("authorization", "Bearer token-1-not-secret"),)
    assert sign_in.describe() == "the metadata server"


async def test_any_number_of_waiters_cause_one_sign_in(
    google: FakeGoogle, sign_ins: SignIns
) -> None:
    google.plan("/computeMetadata", Planned(delay_s=0.1))
    sign_in = sign_ins.make(GCE_METADATA_HOST=google.host)
    headers = await asyncio.gather(*(sign_in.headers() for _ in range(200)))
    assert set(headers) == {(("authorization", "Bearer token-1-not-secret"),)}
    assert len(google.calls) == 1


async def test_the_event_loop_goes_on_while_google_is_slow(
    google: FakeGoogle, sign_ins: SignIns
) -> None:
    google.plan("/computeMetadata", Planned(delay_s=0.3))
    signing_in = asyncio.create_task(sign_ins.make(GCE_METADATA_HOST=google.host).headers())
    longest_s = 0.0
    while not signing_in.done():
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        longest_s = max(longest_s, time.perf_counter() - began)
    assert await signing_in
    assert longest_s < 0.2


async def test_a_token_is_renewed_ahead_of_its_end_while_calls_go_on(
    google: FakeGoogle, sign_ins: SignIns, clock: ManualClock
) -> None:
    sign_in = sign_ins.make(GCE_METADATA_HOST=google.host)
    await sign_in.headers()
    clock.advance(3600 - 230)
    assert await sign_in.header() == ("authorization", "Bearer token-1-not-secret")
    assert len(google.calls) == 1
    clock.advance(10)
    assert await sign_in.header() == ("authorization", "Bearer token-1-not-secret")
    await _until(lambda: len(google.issued) == 2)
    await asyncio.sleep(0.05)
    assert await sign_in.header() == ("authorization", "Bearer token-2-not-secret")


async def test_a_renewal_that_fails_hurts_nobody_while_the_old_token_is_valid(
    google: FakeGoogle, sign_ins: SignIns, clock: ManualClock
) -> None:
    sign_in = sign_ins.make(GCE_METADATA_HOST=google.host)
    await sign_in.headers()
    google.plan("/computeMetadata", Planned(403, "no"))
    clock.advance(3500)
    assert await sign_in.header() == ("authorization", "Bearer token-1-not-secret")
    await _until(lambda: len(google.calls) == 2)
    assert await sign_in.header() == ("authorization", "Bearer token-1-not-secret")


async def test_a_refused_token_is_replaced_once_for_all_who_were_refused(
    google: FakeGoogle, sign_ins: SignIns
) -> None:
    sign_in = sign_ins.make(GCE_METADATA_HOST=google.host)
    refused = await sign_in.headers()
    renewed = await asyncio.gather(*(sign_in.renew(refused) for _ in range(20)))
    assert set(renewed) == {(("authorization", "Bearer token-2-not-secret"),)}
    assert len(google.issued) == 2


async def test_an_upstream_that_refuses_every_token_does_not_cost_one_a_call(
    google: FakeGoogle, sign_ins: SignIns, clock: ManualClock
) -> None:
    sign_in = sign_ins.make(GCE_METADATA_HOST=google.host)
    second = await sign_in.renew(await sign_in.headers())
    assert second is not None
    assert await sign_in.renew(second) is None
    assert await sign_in.headers() == second
    clock.advance(31)
    assert await sign_in.renew(second) == (("authorization", "Bearer token-3-not-secret"),)


async def test_a_refusal_leaves_alone_those_who_wait_for_a_renewal(
    google: FakeGoogle, sign_ins: SignIns, clock: ManualClock
) -> None:
    sign_in = sign_ins.make(GCE_METADATA_HOST=google.host)
    refused = await sign_in.headers()
    clock.advance(3601)
    google.plan("/computeMetadata", Planned(delay_s=0.2))
    waiting = asyncio.create_task(sign_in.headers())
    await _until(lambda: len(google.calls) == 2)
    assert await sign_in.renew(refused)
    assert await waiting


async def test_revoked_user_credentials_tell_a_person_to_sign_in_again(
    google: FakeGoogle, sign_ins: SignIns, tmp_path: Path
) -> None:
    file = google.user_file(tmp_path / "adc.json")
    info = json.loads(file.read_text()) | {"refresh_token": "revoked-not-secret"}
    file.write_text(json.dumps(info))
    sign_in = sign_ins.make(SignInOptions(credentials_file=str(file)))
    with pytest.raises(UpstreamAuthFailed, match="gcloud auth application-default login") as caught:
        await sign_in.headers()
    assert "not-secret" not in f"{caught.value.message} {caught.value.detail}"
    assert google.count("/token") == 1


async def test_signing_in_anew_mends_a_running_gateway(
    google: FakeGoogle, sign_ins: SignIns, clock: ManualClock, tmp_path: Path
) -> None:
    file = google.user_file(tmp_path / "adc.json")
    good = file.read_text()
    file.write_text(json.dumps(json.loads(good) | {"refresh_token": "revoked-not-secret"}))
    sign_in = sign_ins.make(SignInOptions(credentials_file=str(file)))
    with pytest.raises(UpstreamAuthFailed):
        await sign_in.headers()
    file.write_text(good)
    clock.advance(2)
    assert await sign_in.header() == ("authorization", "Bearer token-1-not-secret")


async def test_a_deleted_service_account_key_is_told_as_such(
    google: FakeGoogle, sign_ins: SignIns, tmp_path: Path
) -> None:
    file = google.service_account_file(tmp_path)
    google.service_account_file(tmp_path / "..")  # from now on only this key is known
    with pytest.raises(UpstreamAuthFailed, match="service account key"):
        await sign_ins.make(SignInOptions(credentials_file=str(file))).headers()


async def test_a_server_in_trouble_is_asked_again(
    google: FakeGoogle, sign_ins: SignIns, tmp_path: Path
) -> None:
    google.plan("/sts", Planned(502, "<html>Bad Gateway</html>", "text/html"), Planned(503, "{}"))
    file = google.external_account_file(tmp_path)
    sign_in = sign_ins.make(SignInOptions(credentials_file=str(file)))
    assert await sign_in.header() == ("authorization", "Bearer token-1-not-secret")
    assert google.count("/sts") == 3


async def test_a_server_that_stays_in_trouble_is_not_taken_for_a_refusal(
    google: FakeGoogle, sign_ins: SignIns, tmp_path: Path
) -> None:
    google.plan("/sts", *[Planned(500, "{}")] * 3)
    file = google.external_account_file(tmp_path)
    with pytest.raises(UpstreamFailed):
        await sign_ins.make(SignInOptions(credentials_file=str(file))).headers()
    assert google.count("/sts") == 3


@pytest.mark.parametrize(
    "body",
    ["<html>Welcome to our hotel</html>", "", "[]", "null", "{}", '{"access_token": 7}'],
)
@pytest.mark.parametrize("kind", ["user", "workload", "metadata"])
async def test_an_answer_that_is_no_token_is_a_failure_of_the_server(
    google: FakeGoogle, sign_ins: SignIns, tmp_path: Path, kind: str, body: str
) -> None:
    google.plan("/", *[Planned(200, body, "text/html")] * 3)
    match kind:
        case "user":
            options = SignInOptions(str(google.user_file(tmp_path / "adc.json")))
        case "workload":
            options = SignInOptions(str(google.external_account_file(tmp_path)))
        case _:
            options = SignInOptions()
    sign_in = sign_ins.make(options, GCE_METADATA_HOST=google.host)
    with pytest.raises(ProviderError) as caught:
        await sign_in.headers()
    assert isinstance(caught.value, UpstreamFailed | UpstreamAuthFailed)
    assert "hotel" not in caught.value.message


async def test_a_redirect_is_not_followed(
    google: FakeGoogle, sign_ins: SignIns, tmp_path: Path
) -> None:
    elsewhere = (("location", f"{google.url}/sts/v1/token"),)
    google.plan("/token", Planned(302, "{}", headers=elsewhere))
    file = google.user_file(tmp_path / "adc.json")
    with pytest.raises(UpstreamAuthFailed):
        await sign_ins.make(SignInOptions(credentials_file=str(file))).headers()
    assert len(google.calls) == 1


async def test_no_credentials_at_all_say_what_to_do(sign_ins: SignIns, tmp_path: Path) -> None:
    sign_in = sign_ins.make(HOME=str(tmp_path), GCE_METADATA_HOST="127.0.0.1:9")
    with pytest.raises(UpstreamAuthFailed, match="No Google credentials were found") as caught:
        await sign_in.headers()
    assert "gcloud auth application-default login" in caught.value.message


async def test_a_page_of_the_network_is_not_taken_for_the_metadata_server(
    google: FakeGoogle, sign_ins: SignIns
) -> None:
    google.plan("/", Planned(200, '{"access_token": "a", "expires_in": 9}', headers=()))
    with pytest.raises(UpstreamAuthFailed, match="No Google credentials were found"):
        await sign_ins.make(GCE_METADATA_HOST=google.host).headers()


async def test_the_metadata_server_is_left_alone_where_the_environment_says_so(
    google: FakeGoogle, sign_ins: SignIns
) -> None:
    sign_in = sign_ins.make(NO_GCE_CHECK="true", GCE_METADATA_HOST=google.host)
    with pytest.raises(UpstreamAuthFailed, match="No Google credentials were found"):
        await sign_in.headers()
    assert google.calls == []


async def test_an_unreachable_token_server_may_be_tried_later(
    google: FakeGoogle, sign_ins: SignIns, tmp_path: Path
) -> None:
    file = google.user_file(tmp_path / "adc.json")
    info = json.loads(file.read_text()) | {"token_uri": "http://127.0.0.1:9/token"}
    file.write_text(json.dumps(info))
    with pytest.raises(UpstreamUnreachable) as caught:
        await sign_ins.make(SignInOptions(credentials_file=str(file))).headers()
    assert caught.value.retryable


@pytest.mark.parametrize("text", ["no json", "[]", "{}", '{"type": "mystery"}'])
async def test_a_broken_credentials_file_is_told_without_its_place(
    sign_ins: SignIns, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(text)
    with pytest.raises(UpstreamAuthFailed, match="modelmux doctor") as caught:
        await sign_ins.make(SignInOptions(credentials_file=str(file))).headers()
    assert str(tmp_path) not in caught.value.message
    assert str(file) in (caught.value.detail or "")


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to pass")
