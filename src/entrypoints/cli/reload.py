"""`modelmux reload`: the gateway that runs reads its configuration anew."""

from .console import ConfigOption, print_result
from .running import PortOption, tell_gateway


def run(config: ConfigOption = None, port: PortOption = None) -> None:
    """Let the running gateway take its changed configuration; a bad one changes nothing.

    Calls that run keep the old one to their end. Without --port, the gateway on the port of the
    configuration is asked.
    """
    status = tell_gateway("reload", config, port)
    print_result(f"reloaded: generation {status['generation']} serves")
