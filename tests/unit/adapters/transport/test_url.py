import pytest

from modelmux.adapters.transport.url import Url
from modelmux.domain.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("https://api.openai.com/v1", ("https", "api.openai.com", 443, "/v1")),
        ("http://LOCALHOST:11434", ("http", "localhost", 11434, "/")),
        ("http://[::1]:80/a?b=c", ("http", "::1", 80, "/a?b=c")),
        ("https://münchen.example/", ("https", "xn--mnchen-3ya.example", 443, "/")),
        ("https://a.example?x=1", ("https", "a.example", 443, "/?x=1")),
    ],
)
def test_an_address_is_taken_apart(text: str, parts: tuple[str, str, int, str]) -> None:
    url = Url.parse(text)
    assert (url.scheme, url.host, url.port, url.target) == parts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.openai.com/v1",
        "ftp://a.example/",
        "https://",
        "https://user:secret@a.example/",
        "https://a.example/#part",
        "https://a.example:99999/",
        "https://a.example:0/",
        "https://a.example/with space",
        "https://a.example/\r\nx-evil: 1",
        " https://a.example/",
        "https://a b/",
        "https://[::1/",
    ],
)
def test_what_is_no_address_is_refused_and_secrets_are_not_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Url.parse(text)
    assert "secret" not in caught.value.message


def test_paths_are_joined_before_the_query() -> None:
    base = Url.parse("https://a.example/v1/?api-version=2")
    assert base.join("/chat/completions").target == "/v1/chat/completions?api-version=2"
    assert base.at("/other").target == "/other"
    with pytest.raises(ConfigurationError):
        base.at("/a b")


@pytest.mark.parametrize(
    "text", ["https://a.example/v1?x=1", "http://[::1]:8080/", "http://a.example:443/"]
)
def test_an_address_reads_back_as_it_was(text: str) -> None:
    assert str(Url.parse(text)) == text
