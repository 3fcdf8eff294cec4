"""The laws of `Sealer`."""

from abc import ABC, abstractmethod

import pytest

from modelmux.application.ports import SEAL_MARK, Sealer
from modelmux.domain.errors import InvalidRequest


class SealerContract(ABC):
    """Inherit, give `sealer`."""

    @pytest.fixture
    @abstractmethod
    def sealer(self) -> Sealer: ...

    @pytest.mark.parametrize("content", [b"", b"thought", bytes(range(256)) * 400])
    def test_what_was_sealed_opens_unchanged(self, sealer: Sealer, content: bytes) -> None:
        sealed = sealer.seal("acme", "reasoning", content)
        assert sealer.open("acme", "reasoning", sealed) == content

    def test_a_seal_is_plain_text_with_its_mark_and_hides_what_is_in_it(
        self, sealer: Sealer
    ) -> None:
        sealed = sealer.seal("acme", "reasoning", b"a thought nobody may read")
        assert sealed.startswith(SEAL_MARK)
        assert sealed.isascii()
        assert sealed.isprintable()
        assert "thought" not in sealed

    def test_a_seal_repeats_for_the_same_and_for_nothing_else(self, sealer: Sealer) -> None:
        seals = {sealer.seal("acme", "reasoning", b"same") for _ in range(8)}
        assert len(seals) == 1
        assert sealer.seal("other", "reasoning", b"same") not in seals
        assert sealer.seal("acme", "compaction", b"same") not in seals
        assert sealer.seal("acme", "reasoning", b"sama") not in seals

    @pytest.mark.parametrize(
        ("tenant", "purpose"),
        [("other", "reasoning"), ("acme", "compaction"), ("acmer", "easoning"), ("", "")],
    )
    def test_for_another_tenant_or_purpose_it_does_not_open(
        self, sealer: Sealer, tenant: str, purpose: str
    ) -> None:
        sealed = sealer.seal("acme", "reasoning", b"ours")
        refuses(sealer, sealed, tenant, purpose)

    def test_altered_anywhere_it_does_not_open(self, sealer: Sealer) -> None:
        sealed = sealer.seal("acme", "reasoning", b"ours")
        for place in range(len(sealed)):
            other = "A" if sealed[place] != "A" else "B"
            refuses(sealer, sealed[:place] + other + sealed[place + 1 :])

    def test_cut_anywhere_or_lengthened_it_does_not_open(self, sealer: Sealer) -> None:
        sealed = sealer.seal("acme", "reasoning", b"ours")
        for length in range(len(sealed)):
            refuses(sealer, sealed[:length])
        for more in ("A", "=", "\n", " ", "\0", sealed):
            refuses(sealer, sealed + more)

    @pytest.mark.parametrize(
        "text",
        ["", SEAL_MARK, "gAAAAABo", SEAL_MARK * 2, SEAL_MARK + "é" * 50, "\ud800", "A" * 999],
    )
    def test_what_never_was_a_seal_does_not_open(self, sealer: Sealer, text: str) -> None:
        refuses(sealer, text)


def refuses(sealer: Sealer, sealed: str, tenant: str = "acme", purpose: str = "reasoning") -> None:
    """Hold that a seal is refused with OpenAI's word for it."""
    with pytest.raises(InvalidRequest) as refusal:
        sealer.open(tenant, purpose, sealed)
    assert refusal.value.reason == "invalid_encrypted_content"
