"""What routing is told of a caller's headers."""

from modelmux.entrypoints.caller_headers import SECRET_HEADERS, told_headers


def test_what_signs_the_caller_in_is_left_out() -> None:
    headers = {name.encode(): b"test-key-not-secret" for name in SECRET_HEADERS}
    told = told_headers({**headers, b"x-session": b"s\xe9"})
    assert told == {"x-session": "sé"}
    assert {"authorization", "x-api-key", "api-key", "cookie"} <= SECRET_HEADERS
