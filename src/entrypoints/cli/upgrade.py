"""`modelmux upgrade`: the gateway that runs goes on as the code that is installed now."""

from .console import ConfigOption, print_result
from .running import PortOption, tell_gateway


def run(config: ConfigOption = None, port: PortOption = None) -> None:
    """Let the running gateway go on as the version that is installed now, with no call failing.

    Install the new version first, in the same place. The process id stays. What does not start
    changes nothing.
    """
    status = tell_gateway("upgrade", config, port)
    print_result(f"upgraded: modelmux {status['version']}, generation {status['generation']}")
