"""Credentials as the configuration and the machine give them."""

import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from modelmux.adapters.bedrock.client import AwsClient
from modelmux.adapters.bedrock.credentials import ChainKeys, region_of
from modelmux.adapters.bedrock.provider import BedrockProvider
from modelmux.adapters.bedrock.signing import AwsKeys
from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.ids import CountingIds
from modelmux.domain.errors import ConfigurationError, UpstreamAuthFailed
from modelmux.domain.secret import Secret
from modelmux.entrypoints.settings.providers import BedrockSettings
from modelmux.entrypoints.wiring import bedrock
from modelmux.entrypoints.wiring.parts import Surroundings

ENV = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "made-up-not-secret"}


def files(folder: Path, *, access_key: str = "AKIDFILE") -> dict[str, str]:
    (folder / "credentials").write_text(
        f"[research]\naws_access_key_id = {access_key}\naws_secret_access_key = file-not-secret\n"
    )
    (folder / "config").write_text("[profile research]\nregion = ap-southeast-2\n")
    return {
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_CONFIG_FILE": str(folder / "config"),
    }


def house(environ: Mapping[str, str], *, dry: bool = False, installed: bool = True) -> Surroundings:
    def part(name: str, extra: str = "") -> Any:  # Any: a module, as the port has it
        if not installed:
            raise ConfigurationError("needs botocore", hint="pip install")
        assert extra == "aws"
        return import_module(f"modelmux.entrypoints.wiring.{name}")

    return Surroundings("aws", environ, ManualClock(), CountingIds(), part, dry)


def built(settings: BedrockSettings, around: Surroundings) -> BedrockProvider:
    llm = bedrock.build(settings, around).llm
    assert isinstance(llm, BedrockProvider)
    return llm


async def test_a_profile_of_the_files_is_found_and_found_anew(tmp_path: Path) -> None:
    clock = ManualClock()
    keys = ChainKeys("research", files(tmp_path), clock)
    first = await keys.keys()
    assert first == AwsKeys("AKIDFILE", "file-not-secret")
    assert "shared-credentials-file" in keys.describe()
    files(tmp_path, access_key="AKIDNEWER")
    assert await keys.keys() is first
    renewed = await keys.renew(first)
    assert renewed == AwsKeys("AKIDNEWER", "file-not-secret")
    assert await keys.keys() == renewed
    assert await keys.renew(first) == renewed, "whoever comes second gets what the first found"
    assert renewed is not None
    assert await keys.renew(renewed) is None, "not looked for again at once"
    await keys.aclose()


async def test_a_profile_that_is_not_there_is_our_trouble(tmp_path: Path) -> None:
    keys = ChainKeys("nobody", files(tmp_path), ManualClock())
    with pytest.raises(UpstreamAuthFailed) as caught:
        await keys.keys()
    assert "nobody" in (caught.value.detail or "")
    with pytest.raises(ConfigurationError):
        region_of("nobody", files(tmp_path))


def test_a_key_stands_above_keys_and_needs_no_library() -> None:
    environ = ENV | {"AWS_BEARER_TOKEN_BEDROCK": "key-not-secret", "AWS_REGION": "us-east-2"}
    llm = built(BedrockSettings(), house(environ, installed=False))
    assert ("authorization", "Bearer key-not-secret") in llm.headers
    assert not isinstance(llm.runtime, AwsClient)
    assert llm.options.places.runtime.host == "bedrock-runtime.us-east-2.amazonaws.com"


async def test_keys_of_the_environment_need_no_library() -> None:
    llm = built(BedrockSettings(region="us-east-1"), house(ENV, installed=False))
    assert isinstance(llm.runtime, AwsClient)
    assert llm.options.keys is not None
    assert await llm.options.keys.keys() == AwsKeys("AKIDEXAMPLE", "made-up-not-secret")


async def test_a_profile_stands_above_the_environment(tmp_path: Path) -> None:
    environ = ENV | files(tmp_path) | {"AWS_REGION": "us-east-1"}
    environ |= {"AWS_BEARER_TOKEN_BEDROCK": "key-not-secret"}
    llm = built(BedrockSettings(profile="research"), house(environ))
    assert llm.options.region == "ap-southeast-2"
    assert llm.options.keys is not None
    assert (await llm.options.keys.keys()).access_key == "AKIDFILE"


def test_without_the_extra_the_chain_is_asked_for_by_name() -> None:
    with pytest.raises(ConfigurationError, match="botocore"):
        built(BedrockSettings(region="us-east-1"), house({}, installed=False))


@pytest.mark.parametrize("installed", [True, False])
def test_no_region_is_told(
    tmp_path: Path, installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    around = house(ENV | files(tmp_path), installed=installed)
    with pytest.raises(ConfigurationError, match="region") as caught:
        built(BedrockSettings(), around)
    assert "AWS_REGION" in (caught.value.hint or "")


def test_a_dry_run_asks_nobody_for_credentials() -> None:
    llm = built(BedrockSettings(region="us-east-1"), house({}, dry=True, installed=False))
    assert ("authorization", "{AWS signature}") in llm.headers


def test_ways_are_as_configured() -> None:
    settings = BedrockSettings(
        region="us-east-1", api_key=Secret("k"), api="mantle", apis={"meta.*": "converse"}
    )
    llm = built(settings, house({}))
    assert llm.way_of("us.meta.llama4-v1:0") == "converse"
    assert llm.way_of("us.anthropic.claude-opus-5-v1") == "mantle"


def test_nothing_of_amazons_is_imported_with_an_api_key() -> None:
    code = (
        "import sys; import modelmux.entrypoints.wiring.bedrock;"
        "print([name for name in sys.modules if name.split('.')[0] in ('botocore', 'urllib3')])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert told.stdout.strip() == "[]"
