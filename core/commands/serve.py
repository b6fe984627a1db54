"""`serve`: the REST service."""

import argparse
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from core.commands.progress import say
from core.errors import SettingsError
from core.settings import PROJECT_ROOT

_APP: Final = "api.main:create_app"
_LOCAL: Final = ("127.0.0.1", "localhost", "::1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; 0.0.0.0 serves the whole network; default: 127.0.0.1",
    )
    parser.add_argument("--port", type=int, default=8000, help="default: 8000")


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    if find_spec("uvicorn") is None or find_spec("fastapi") is None:
        raise SettingsError(
            "The service needs the packages of requirements.txt. "
            "Received: none of FastAPI and uvicorn."
        )
    import uvicorn

    # By name: nothing in core knows the service's modules.
    module, factory = _APP.split(":")
    app = getattr(import_module(module), factory)()
    logs = import_module("api.logs").log_config()
    if arguments.host not in _LOCAL and not app.state.service.keys.demanded:
        say("note: the service is open to the network without a key; see GLIALENS_API_KEYS")
    uvicorn.run(
        app,
        host=arguments.host,
        port=arguments.port,
        log_config=logs,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        app_dir=str(PROJECT_ROOT),
    )
    return 0
