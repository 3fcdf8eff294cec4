"""Which project and region to call, found where nobody configured them, and why these.

Pure functions over what is handed in; the metadata server is asked last and only if needed.
"""

import configparser
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .credential_file import CredentialFile, gcloud_folder

DEFAULT_REGION = "global"


@dataclass(frozen=True, slots=True)
class Found:
    """A value, the source it was taken from, and the sources before that which had none."""

    value: str
    source: str
    passed_over: tuple[str, ...] = ()

    def explain(self) -> str:
        """Return the sentence for people."""
        why = f"; nothing in {', '.join(self.passed_over)}" if self.passed_over else ""
        return f"{self.value} (from {self.source}{why})"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is to look at.

    `metadata_project` and `metadata_region` may ask the network; they return None for nothing.
    """

    project: str | None
    region: str | None
    environment: Mapping[str, str]
    credentials: CredentialFile | None
    metadata_project: Callable[[], str | None]
    metadata_region: Callable[[], str | None]


_Candidate = tuple[str, Callable[[], str | None]]

_PROJECT_VARIABLES = ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")
_REGION_VARIABLES = ("GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION", "CLOUD_ML_REGION")


def find_project(around: Surroundings) -> Found | None:
    """Return the project, or None if no source has one."""
    gcloud = GcloudConfiguration.active(around.environment)
    file = around.credentials
    return _first(
        [
            ("the configuration", lambda: around.project),
            *_variables(around.environment, _PROJECT_VARIABLES),
            (
                f"the credentials in {file.path}" if file else "a credentials file",
                lambda: file.project if file else None,
            ),
            gcloud.candidate("core", "project"),
            ("the metadata server", around.metadata_project),
        ]
    )


def find_region(around: Surroundings) -> Found:
    """Return the region; `global` where no source has one."""
    gcloud = GcloudConfiguration.active(around.environment)
    found = _first(
        [
            ("the configuration", lambda: around.region),
            *_variables(around.environment, _REGION_VARIABLES),
            gcloud.candidate("ai", "region"),
            gcloud.candidate("compute", "region"),
            ("the metadata server", around.metadata_region),
            ("the default", lambda: DEFAULT_REGION),
        ]
    )
    return found or Found(DEFAULT_REGION, "the default")


@dataclass(frozen=True, slots=True)
class GcloudConfiguration:
    """gcloud's active configuration; empty where there is none.

    Source: cloud.google.com/sdk/docs/configurations and .../sdk/docs/properties: a variable
    `CLOUDSDK_<SECTION>_<PROPERTY>` stands above the file.
    """

    name: str
    values: Mapping[tuple[str, str], str]
    environment: Mapping[str, str]

    @classmethod
    def active(cls, environment: Mapping[str, str]) -> "GcloudConfiguration":
        folder = gcloud_folder(environment)
        name = environment.get("CLOUDSDK_ACTIVE_CONFIG_NAME") or (
            _read(folder / "active_config") if folder else ""
        )
        name = name or "default"
        text = _read(folder / "configurations" / f"config_{name}") if folder else ""
        return cls(name, _properties(text), environment)

    def candidate(self, section: str, name: str) -> _Candidate:
        variable = f"CLOUDSDK_{section}_{name}".upper()
        if self.environment.get(variable):
            return (variable, lambda: self.environment[variable])
        return (
            f"{section}/{name} of gcloud's configuration {self.name!r}",
            lambda: self.values.get((section, name)),
        )


def _properties(text: str) -> dict[tuple[str, str], str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}  # a broken file of gcloud's has no value; gcloud itself says what is wrong
    return {
        (section, name): value.strip()
        for section in parser.sections()
        for name, value in parser.items(section)
    }


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _variables(environment: Mapping[str, str], names: Iterable[str]) -> list[_Candidate]:
    return [(name, partial(environment.get, name)) for name in names]


def _first(candidates: Iterable[_Candidate]) -> Found | None:
    passed_over: list[str] = []
    for source, value_of in candidates:
        value = value_of()
        if value:
            return Found(value, source, tuple(passed_over))
        passed_over.append(source)
    return None
