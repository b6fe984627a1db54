"""Optional packages, asked for in one way."""

from collections.abc import Iterable
from importlib.util import find_spec

from core.errors import MissingPackageError


def require(packages: Iterable[str], requirements: str, wanted: str) -> None:
    """Check that optional packages are installed.

    Args:
        packages: Names as they are imported.
        requirements: The requirements file that installs them.
        wanted: What needs them, as the subject of a sentence.

    Raises:
        MissingPackageError: If one is missing.
    """
    for name in packages:
        if find_spec(name) is None:
            raise MissingPackageError(
                f"{wanted} needs what `pip install -r {requirements}` installs. "
                f"Received: no package '{name}'."
            )
