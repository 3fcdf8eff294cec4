import pytest

from modelmux.adapters.transport.proxies import ProxyRules
from modelmux.adapters.transport.url import Url
from modelmux.domain.errors import ConfigurationError


def proxied(url: str, **environ: str) -> str | None:
    proxy = ProxyRules.from_environment(environ).proxy_for(Url.parse(url))
    return None if proxy is None else f"{proxy.host}:{proxy.port}"


def test_each_scheme_has_its_variable_and_lower_case_wins() -> None:
    environ = {"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:2", "HTTP_PROXY": "c:3"}
    assert proxied("https://x.example", **environ) == "b:2"
    assert proxied("http://x.example", **environ) == "c:3"
    assert proxied("https://x.example", ALL_PROXY="http://d") == "d:80"
    assert proxied("https://x.example") is None


@pytest.mark.parametrize(
    ("no_proxy", "url", "exempt"),
    [
        ("*", "https://x.example", True),
        ("x.example", "https://x.example", True),
        ("x.example", "https://a.x.example", True),
        (".x.example", "https://a.x.example", True),
        ("*.x.example", "https://a.x.example", True),
        ("x.example", "https://ax.example", False),
        ("y.example, X.EXAMPLE", "https://x.example", True),
        ("x.example:443", "https://x.example", True),
        ("x.example:8443", "https://x.example", False),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.0/8", "https://x.example", False),
        ("[fd00::1]:443", "https://[fd00::1]", True),
        ("fd00::1", "https://[fd00::1]", True),
        ("", "https://x.example", False),
        ("", "https://localhost", True),
        ("", "https://127.9.9.9", True),
        ("", "https://[::1]", True),
    ],
)
def test_hosts_without_a_proxy(no_proxy: str, url: str, exempt: bool) -> None:
    found = proxied(url, https_proxy="http://p:1", no_proxy=no_proxy)
    assert (found is None) == exempt


def test_the_sign_in_is_taken_from_the_address() -> None:
    rules = ProxyRules.from_environment({"https_proxy": "http://us%40er:test-key-not-secret@p:1"})
    assert rules.by_scheme["https"].authorization == ("Basic dXNAZXI6dGVzdC1rZXktbm90LXNlY3JldA==")


@pytest.mark.parametrize("text", ["socks5://p:1", "https://p:1", "http://", "http://p:99999"])
def test_a_proxy_we_cannot_speak_to_is_told_with_its_variable(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ProxyRules.from_environment({"HTTPS_PROXY": text})
    assert caught.value.where == "HTTPS_PROXY"
