import time

import pytest

from modelmux.domain.redaction import redact

LONG = "notSecret0123456789abcdefABCDEF"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"key mmx_a1b2c3_{LONG} used", "key mmx_a1b2c3_[redacted] used"),
        (f"Incorrect API key: sk-proj-{LONG}.", "Incorrect API key: sk-[redacted]."),
        ("used sk-ab****yz01, failed", "used sk-[redacted], failed"),
        (f"used nvapi-{LONG}, failed", "used nvapi-[redacted], failed"),
        (f"used sk-{LONG}, failed", "used sk-[redacted], failed"),
        (f"Authorization: Bearer {LONG}", "Authorization: Bearer [redacted]"),
        (f"authorization: Basic {LONG}==\r\nhost: x", "authorization: Basic [redacted]\r\nhost: x"),
        (f'{{"api_key": "{LONG}"}}', '{"api_key": "[redacted]"}'),
        (f'"{{\\"x-api-key\\": \\"{LONG}\\"}}"', '"{\\"x-api-key\\": \\"[redacted]\\"}"'),
        (f"('api-key', '{LONG}')", "('api-key', '[redacted]')"),
        (f"(b'authorization', b'Bearer {LONG}')", "(b'authorization', b'Bearer [redacted]')"),
        (f"OPENAI_API_KEY={LONG} ", "OPENAI_API_KEY=[redacted] "),
        (f"x-goog-api-key: {LONG}", "x-goog-api-key: [redacted]"),
        (f"got Bearer {LONG}", "got Bearer [redacted]"),
        (f"AIza{LONG}", "AIza[redacted]"),
        (f"ya29.a0{LONG}", "ya29.[redacted]"),
        ("id AKIAIOSFODNN7EXAMPLE", "id AKIA[redacted]"),
        (f"eyJhbGciOiJub25lIn0.eyJ{LONG}.c2ln", "[redacted]"),
        (f"GET https://x.test/v1?key={LONG}&alt=sse", "GET https://x.test/v1?key=[redacted]&alt=sse"),
        (f"http://user:{LONG}@proxy.test:80", "http://[redacted]@proxy.test:80"),
        (
            '"private_key": "-----BEGIN PRIVATE KEY-----\\nbm90\\n-----END PRIVATE KEY-----\\n", 1',
            '"private_key": "[redacted]\\n", 1',
        ),
        ("-----BEGIN RSA PRIVATE KEY-----\nbm90IHNlY3JldA", "[redacted]"),
    ],
)  # fmt: skip
def test_secrets_are_taken_out_and_the_rest_stays(text: str, clean: str) -> None:
    assert redact(text) == clean
    assert redact(redact(text)) == clean


@pytest.mark.parametrize(
    "text",
    [
        '{"max_tokens": 5, "total_tokens": 7, "key": "a", "required": ["password", "user"]}',
        "the basic idea is that tokens are counted; task-oriented risk-averse people",
        "https://example.com/v1/chat/completions?alt=sse#part",
        "mmx_ and sk- alone, a Bearer of news; fw_version, csk-key",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "piece",
    [
        "eyJ", "eyJaaaaaaaaa.", "sk-", "Bearer ", "bearer\t", "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN ", "mmx_a_", "password:", 'api-key"', "a-", "x-", "://", "://a:", "?key=", "\\",
        "('cookie', ", "ya29.",
    ],
)  # fmt: skip
def test_hostile_text_costs_no_more_than_a_pass(piece: str) -> None:
    text = "api_key bearer mmx_ sk- eyj :// ? " + piece * (200_000 // len(piece))
    started = time.perf_counter()
    redact(text)
    assert time.perf_counter() - started < 1.0
