import pickle

import pytest

from modelmux.domain.secret import Secret

TEXT = "test-key-not-secret"


def test_a_secret_reveals_its_text_only_when_asked() -> None:
    secret = Secret(TEXT)

    assert secret.reveal() == TEXT
    assert TEXT not in f"{secret!r} {secret} {secret!s:>40} {[secret]}"


def test_secrets_compare_by_their_text() -> None:
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret("another")
    assert Secret(TEXT) != TEXT
    assert len({Secret(TEXT), Secret(TEXT)}) == 1


def test_a_secret_cannot_be_changed_or_pickled() -> None:
    secret, name = Secret(TEXT), "_text"

    with pytest.raises(AttributeError):
        setattr(secret, name, "another")
    with pytest.raises(AttributeError):
        delattr(secret, name)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret(TEXT)
