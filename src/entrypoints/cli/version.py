"""`modelmux version`."""

import json
import platform

from ... import __version__
from .console import JsonOption, print_result


def run(json_output: JsonOption = False) -> None:
    """Print the version."""
    if json_output:
        told = {"modelmux": __version__, "python": platform.python_version()}
        print_result(json.dumps(told))
    else:
        print_result(f"modelmux {__version__}")
