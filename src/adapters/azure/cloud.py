"""Azure's clouds: each has its own place to sign in."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Cloud:
    """`authority` gives tokens; the scopes are what they are for, by the path that is called.

    Many resources take tokens of the deployments scope on the v1 path too.
    """

    authority: str
    v1_scope: str
    deployments_scope: str


_COGNITIVE_US: Final = "https://cognitiveservices.azure.us/.default"
_COGNITIVE_CN: Final = "https://cognitiveservices.azure.cn/.default"

CLOUDS: Final[Mapping[str, Cloud]] = MappingProxyType(
    {
        "public": Cloud(
            "login.microsoftonline.com",
            "https://ai.azure.com/.default",
            "https://cognitiveservices.azure.com/.default",
        ),
        "government": Cloud("login.microsoftonline.us", _COGNITIVE_US, _COGNITIVE_US),
        "china": Cloud("login.partner.microsoftonline.cn", _COGNITIVE_CN, _COGNITIVE_CN),
    }
)
