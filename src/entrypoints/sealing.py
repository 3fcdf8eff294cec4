"""What clients carry for us, as it stands inside a seal.

In Responses it is an item's `encrypted_content`, in Messages the `signature` of thoughts that are
not Claude's: one form, so thoughts that were begun in one go on in the other. Claude's own
signatures are not sealed, for the next request may be relayed to Claude byte for byte.

Thoughts are sealed with their text: a vendor's proof holds for the words as they were, and not
every client gives a summary back letter by letter. The forms are arrays that may grow at their
end, so that envelopes of older versions still open.
"""

from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.json import Decoder

from ..application.ports import Sealer
from ..domain.conversation import Compaction, Proof, Reasoning, Vendor
from ..domain.errors import InvalidRequest

_REASONING = "reasoning"
_COMPACTION = "compaction"
_encode = msgspec.json.Encoder().encode


class _SealedProof(Struct, array_like=True, frozen=True):
    vendor: Vendor
    model: str
    kind: str
    value: str
    item_id: str | None = None


class _SealedReasoning(Struct, array_like=True, frozen=True):
    text: str
    proof: _SealedProof | None = None


class _SealedCompaction(Struct, array_like=True, frozen=True):
    summary: str


_FormT = TypeVar("_FormT", bound=Struct)
_REASONING_FORM = Decoder(_SealedReasoning)
_COMPACTION_FORM = Decoder(_SealedCompaction)


def seal_reasoning(sealer: Sealer, tenant: str, item: Reasoning) -> str:
    """Return what stands for thoughts, their text and proof in it; begins with `SEAL_MARK`."""
    proof = item.proof
    form = _SealedReasoning(
        item.text,
        None
        if proof is None
        else _SealedProof(proof.vendor, proof.model, proof.kind, proof.value, proof.item_id),
    )
    return sealer.seal(tenant, _REASONING, _encode(form))


def open_reasoning(sealer: Sealer, tenant: str, sealed: str) -> Reasoning:
    """Return the thoughts that were `sealed`.

    Raises:
        InvalidRequest: it is not what we gave this tenant.
    """
    form = _open(sealer, tenant, _REASONING, sealed, _REASONING_FORM)
    proof = form.proof
    if proof is None:
        return Reasoning(form.text)
    return Reasoning(
        form.text, Proof(proof.vendor, proof.model, proof.kind, proof.value, proof.item_id)
    )


def seal_compaction(sealer: Sealer, tenant: str, item: Compaction) -> str:
    """Return the `encrypted_content` of a summary."""
    return sealer.seal(tenant, _COMPACTION, _encode(_SealedCompaction(item.summary)))


def open_compaction(sealer: Sealer, tenant: str, sealed: str) -> Compaction:
    """Return the summary whose `encrypted_content` was `sealed`.

    Raises:
        InvalidRequest: it is not what we gave this tenant.
    """
    return Compaction(_open(sealer, tenant, _COMPACTION, sealed, _COMPACTION_FORM).summary)


def _open(
    sealer: Sealer, tenant: str, purpose: str, sealed: str, form: "Decoder[_FormT]"
) -> _FormT:
    content = sealer.open(tenant, purpose, sealed)
    try:
        return form.decode(content)
    except msgspec.DecodeError as error:
        raise InvalidRequest(
            "The encrypted content is of another version of this gateway. Leave the item out.",
            reason="invalid_encrypted_content",
        ) from error
