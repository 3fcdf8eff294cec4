"""Signatures, beside botocore's own."""

import calendar
import json
import time
from pathlib import Path

import pytest

from modelmux.adapters.bedrock.places import Places
from modelmux.adapters.bedrock.signing import AwsKeys, Scope, sign
from modelmux.adapters.transport.client import HttpCall
from modelmux.adapters.transport.url import Url
from tests.support.botocore_signing import botocore_signature

VECTORS = Path(__file__).parents[5] / "shared/reference/spec/sigv4-bedrock.vectors.json"
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.meta.llama4-v1:0"
NOW = 1_795_600_000.0
JSON = (("content-type", "application/json"),)


@pytest.mark.parametrize("model", ["amazon.nova-lite-v1:0", ARN, "a b~c'(d)"])
@pytest.mark.parametrize("token", [None, "session-not-secret"])
@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("tells_hash", [True, False])
def test_a_signature_is_botocores(
    model: str, token: str | None, method: str, tells_hash: bool
) -> None:
    url = Places.of("eu-central-1").model(model, "converse")
    body = b'{"messages":[]}' if method == "POST" else b""
    call = HttpCall(url, JSON, body, method)
    keys = AwsKeys("AKIDEXAMPLE", "made-up-not-secret", token)
    headers = dict(sign(call, keys, Scope("bedrock", "eu-central-1", tells_hash), NOW))
    assert ("x-amz-content-sha256" in headers) == tells_hash

    signature = botocore_signature(
        method,
        str(url),
        {name: value for name, value in headers.items() if name != "authorization"},
        body,
        keys=("AKIDEXAMPLE", "made-up-not-secret", token),
        service="bedrock",
        region="eu-central-1",
    )
    assert headers["authorization"].endswith(f"Signature={signature}")


def test_the_query_is_signed_in_order() -> None:
    url = Url.parse("https://a.test/v1/models?b=2&a=1")
    keys, scope = AwsKeys("AKIDEXAMPLE", "made-up-not-secret"), Scope("bedrock", "us-east-1")
    again = Url.parse("https://a.test/v1/models?a=1&b=2")
    one, two = (dict(sign(HttpCall(u, ()), keys, scope, NOW)) for u in (url, again))
    assert one["authorization"] == two["authorization"]


def test_keys_are_not_shown() -> None:
    shown = repr(AwsKeys("AKIDEXAMPLE", "made-up-not-secret", "session-not-secret"))
    assert "not-secret" not in shown


@pytest.mark.skipif(not VECTORS.is_file(), reason="the reference's vectors are not here")
def test_the_references_vectors_are_met() -> None:
    for case in json.loads(VECTORS.read_text())["cases"]:
        keys = AwsKeys(case["access_key"], case["secret_key"], case["session_token"])
        headers = (("content-type", case["content_type"]),)
        call = HttpCall(Url.parse(case["url"]), headers, case["body"].encode(), case["method"])
        now = calendar.timegm(time.strptime(case["time"], "%Y%m%dT%H%M%SZ"))
        signed = dict(sign(call, keys, Scope(case["service"], case["region"]), now))
        assert signed["authorization"] == case["authorization"], case["name"]
        if "/model/" in case["url"]:
            verb = case["url"].rpartition("/")[2]
            assert str(Places.of(case["region"]).model(case["model_id"], verb)) == case["url"]
