"""Asks the public list of known vulnerabilities about every pinned package: `make audit`.

Exit code 0 where there is none, 1 where there is one, and 0 with a sentence where the list can't
be reached: a machine without a network isn't told that all is well, nor that something is wrong.
"""

import json
import subprocess
import sys

from core.settings import PROJECT_ROOT

REQUIREMENTS = (
    "requirements.txt", "requirements-cluster.txt", "requirements-export.txt",
    "requirements-onnxruntime.txt", "requirements-hed.txt",
)  # fmt: skip
_NOTHING = (
    "Nothing was audited: the list of vulnerabilities can't be reached from here. "
    "Repeat `make audit` with a network."
)
_UNREACHABLE = (
    "ConnectionError", "Failed to resolve", "Max retries exceeded", "ConnectTimeout", "ReadTimeout",
    "Network is unreachable", "ProxyError", "ServiceError", "HTTPError", "404 Client Error",
    "403 Client Error", "JSONDecodeError", "SSLError",
)  # fmt: skip


def verdict(code: int, answer: str, said: str) -> tuple[int, str]:
    """Return the exit code and the sentence for what pip-audit said.

    Args:
        code: Its exit code.
        answer: Its JSON on stdout; empty where it failed.
        said: What it said on stderr.
    """
    try:
        found = json.loads(answer)["dependencies"]
    except (ValueError, KeyError):
        if any(sign in said for sign in _UNREACHABLE):
            return 0, _NOTHING
        return 1, f"pip-audit failed ({code}): {said.strip()[-2000:]}"
    # A mirror without the list makes pip-audit skip every package and end with success.
    audited = [package for package in found if "skip_reason" not in package]
    weak = [
        f"{package['name']} {package['version']}: {', '.join(v['id'] for v in package['vulns'])}"
        for package in audited
        if package["vulns"]
    ]
    if weak:
        return 1, "\n".join(["Known vulnerabilities:", *weak])
    if not audited:
        return 0, _NOTHING
    return 0, f"{len(audited)} of {len(found)} packages audited; no known vulnerability in them."


def main() -> int:
    """Run pip-audit on the pinned packages, without installing anything."""
    words = [word for file in REQUIREMENTS for word in ("-r", file)]
    command = [sys.executable, "-m", "pip_audit", "-f", "json"]
    command += ["--progress-spinner", "off", "--timeout", "15"]
    done = subprocess.run(
        [*command, "--no-deps", "--disable-pip", *words],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    code, sentence = verdict(done.returncode, done.stdout, done.stderr)
    print(sentence)
    return code


if __name__ == "__main__":
    sys.exit(main())
