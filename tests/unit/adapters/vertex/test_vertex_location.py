"""Where project and region are found, and what is said about it."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from modelmux.adapters.vertex.credential_file import CredentialFile, read_credential_file
from modelmux.adapters.vertex.location import Found, Surroundings, find_project, find_region


def surroundings(
    environment: Mapping[str, str],
    *,
    project: str | None = None,
    region: str | None = None,
    credentials: CredentialFile | None = None,
    metadata: str | None = None,
) -> Surroundings:
    return Surroundings(
        project=project,
        region=region,
        environment=environment,
        credentials=credentials,
        metadata_project=lambda: metadata,
        metadata_region=lambda: metadata,
    )


@pytest.fixture
def gcloud(tmp_path: Path) -> Path:
    """Return a gcloud folder whose active configuration is `work`."""
    (tmp_path / "configurations").mkdir()
    (tmp_path / "active_config").write_text("work\n")
    (tmp_path / "configurations/config_work").write_text(
        "[core]\nproject = gcloud-project\naccount = a%b@example.com\n"
        "[ai]\nregion = europe-west1\n[compute]\nregion = us-west1\n"
    )
    (tmp_path / "configurations/config_home").write_text("[compute]\nregion = us-east1\n")
    return tmp_path


@pytest.fixture
def key_file(tmp_path: Path) -> CredentialFile:
    path = tmp_path / "key.json"
    path.write_text(json.dumps({"type": "service_account", "project_id": "key-project"}))
    return read_credential_file(path, "a test")


def test_the_configuration_stands_above_everything(gcloud: Path, key_file: CredentialFile) -> None:
    around = surroundings(
        {"CLOUDSDK_CONFIG": str(gcloud), "GOOGLE_CLOUD_PROJECT": "e", "CLOUD_ML_REGION": "e"},
        project="configured",
        region="eu",
        credentials=key_file,
        metadata="machine",
    )
    assert find_project(around) == Found("configured", "the configuration")
    assert find_region(around) == Found("eu", "the configuration")


def test_the_environment_stands_above_files(gcloud: Path, key_file: CredentialFile) -> None:
    around = surroundings(
        {
            "CLOUDSDK_CONFIG": str(gcloud),
            "GOOGLE_CLOUD_PROJECT": "named",
            "GOOGLE_CLOUD_LOCATION": "us",
        },
        credentials=key_file,
    )
    project = find_project(around)
    assert project == Found("named", "GOOGLE_CLOUD_PROJECT", ("the configuration",))
    assert find_region(around).source == "GOOGLE_CLOUD_LOCATION"


def test_the_credentials_stand_above_gcloud(gcloud: Path, key_file: CredentialFile) -> None:
    project = find_project(surroundings({"CLOUDSDK_CONFIG": str(gcloud)}, credentials=key_file))
    assert project is not None
    assert project.value == "key-project"
    assert str(key_file.path) in project.source


def test_the_active_configuration_of_gcloud_is_read(gcloud: Path) -> None:
    around = surroundings({"CLOUDSDK_CONFIG": str(gcloud)}, metadata="machine")
    project = find_project(around)
    assert project is not None
    assert project.value == "gcloud-project"
    assert project.source == "core/project of gcloud's configuration 'work'"
    region = find_region(around)
    assert (region.value, region.source) == (
        "europe-west1",
        "ai/region of gcloud's configuration 'work'",
    )


def test_another_configuration_of_gcloud_can_be_named(gcloud: Path) -> None:
    region = find_region(
        surroundings({"CLOUDSDK_CONFIG": str(gcloud), "CLOUDSDK_ACTIVE_CONFIG_NAME": "home"})
    )
    assert (region.value, region.source) == (
        "us-east1",
        "compute/region of gcloud's configuration 'home'",
    )


def test_a_variable_stands_above_the_property_of_gcloud(gcloud: Path) -> None:
    around = surroundings({"CLOUDSDK_CONFIG": str(gcloud), "CLOUDSDK_CORE_PROJECT": "variable"})
    project = find_project(around)
    assert project is not None
    assert (project.value, project.source) == ("variable", "CLOUDSDK_CORE_PROJECT")


def test_gcloud_is_looked_for_at_home(tmp_path: Path) -> None:
    folder = tmp_path / ".config/gcloud/configurations"
    folder.mkdir(parents=True)
    (folder / "config_default").write_text("[core]\nproject = at-home\n")
    project = find_project(surroundings({"HOME": str(tmp_path)}))
    assert project is not None
    assert project.value == "at-home"


def test_the_metadata_server_is_the_last_to_be_asked(gcloud: Path) -> None:
    around = surroundings({}, metadata="machine")
    project = find_project(around)
    assert project is not None
    assert (project.value, project.source) == ("machine", "the metadata server")

    def never() -> str | None:
        raise AssertionError("it was asked although gcloud knew")

    known = Surroundings(None, None, {"CLOUDSDK_CONFIG": str(gcloud)}, None, never, never)
    assert find_project(known) is not None
    assert find_region(known).value == "europe-west1"


def test_without_any_source_there_is_no_project_and_the_global_region() -> None:
    around = surroundings({})
    assert find_project(around) is None
    region = find_region(around)
    assert (region.value, region.source) == ("global", "the default")
    assert "nothing in the configuration, GOOGLE_CLOUD_LOCATION" in region.explain()


@pytest.mark.parametrize("text", ["no section\n", "[core\nproject = a", "[core]\nproject\n", ""])
def test_a_broken_configuration_of_gcloud_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "configurations").mkdir()
    (tmp_path / "configurations/config_default").write_text(text)
    assert find_project(surroundings({"CLOUDSDK_CONFIG": str(tmp_path)})) is None
