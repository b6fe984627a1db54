"""Asks the public list of known vulnerabilities about every pinned package: `make audit`.

Exit code 0 where there is none, 1 where there is one, and 0 with a sentence where the list can't
be reached: a machine without a network isn't told that all is well, nor that something is wrong.
"""

import subprocess
import sys

from core.settings import PROJECT_ROOT

REQUIREMENTS = ("requirements.txt", "requirements-cluster.txt", "requirements-export.txt")
_UNREACHABLE = (
    "ConnectionError", "Failed to resolve", "Max retries exceeded", "ConnectTimeout", "ReadTimeout",
    "Network is unreachable", "ProxyError", "ServiceError", "HTTPError", "404 Client Error",
    "403 Client Error", "JSONDecodeError", "SSLError",
)  # fmt: skip


def verdict(code: int, said: str) -> tuple[int, str]:
    """Return the exit code and the sentence for what pip-audit said.

    Args:
        code: Its exit code.
        said: Its output on both streams.
    """
    if code == 0:
        return 0, "No known vulnerability in the pinned packages."
    if "known vulnerabilit" in said:
        return 1, said.strip()
    if any(sign in said for sign in _UNREACHABLE):
        return 0, (
            "Nothing was audited: the list of vulnerabilities can't be reached from here. "
            "Repeat `make audit` with a network."
        )
    return 1, f"pip-audit failed: {said.strip()[-2000:]}"


def main() -> int:
    """Run pip-audit on the pinned packages, without installing anything."""
    words = [word for file in REQUIREMENTS for word in ("-r", file)]
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--timeout", "15"]
    done = subprocess.run(
        [*command, "--no-deps", "--disable-pip", *words],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    code, sentence = verdict(done.returncode, done.stdout + done.stderr)
    print(sentence)
    return code


if __name__ == "__main__":
    sys.exit(main())
