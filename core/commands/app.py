"""`app`: the dashboard."""

import argparse
import subprocess
import sys
from importlib.util import find_spec

from core.errors import SettingsError
from core.settings import DASHBOARD_BATCH_MB, PROJECT_ROOT, get_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("--port", type=int, help="port to listen on; default: 8501")
    parser.add_argument(
        "--address",
        default="localhost",
        help="address to listen on; 0.0.0.0 serves the whole network; default: localhost",
    )
    parser.add_argument("--headless", action="store_true", help="don't open a browser")


def run(arguments: argparse.Namespace) -> int:
    """Start the dashboard and wait for its end."""
    if find_spec("streamlit") is None:
        raise SettingsError(
            "The dashboard needs the packages of requirements.txt. Received: none of streamlit."
        )
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
    command += ["--server.address", arguments.address]
    if arguments.port is not None:
        command += ["--server.port", str(arguments.port)]
    if arguments.headless:
        command += ["--server.headless", "true"]
    # The server takes what its largest field takes; a field's own limit is checked by the browser.
    largest = max(DASHBOARD_BATCH_MB, get_settings().max_upload_mb)
    command += ["--server.maxUploadSize", str(largest)]
    # Streamlit looks for .streamlit/config.toml where it is started.
    return subprocess.run(command, cwd=PROJECT_ROOT, check=False).returncode  # noqa: S603  # nosec B603
