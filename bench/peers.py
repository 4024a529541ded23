"""Installs the proxies that we are measured beside, each into a throw-away environment of its own.

python -m bench.peers            installs what is missing
python -m bench.peers --remove   removes all of it
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PEERS_FOLDER = Path(__file__).parent / ".peers"
REQUIREMENTS = {"vllm-router": "vllm-router", "sglang-router": "sglang-router", "litellm": "litellm[proxy]"}
INSTALL_LIMIT_S = 900


def install(peer: str, requirement: str) -> bool:
    """One peer, its newest release; False (and nothing left behind) where that fails."""
    folder = PEERS_FOLDER / peer
    python = folder / "bin" / "python"
    if python.exists():
        say(f"{peer}: installed already")
        return True
    commands = (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement],
    )
    try:
        for command in commands:
            subprocess.run(command, check=True, timeout=INSTALL_LIMIT_S)
    except subprocess.SubprocessError as error:
        shutil.rmtree(folder, ignore_errors=True)
        say(f"{peer}: could not be installed ({error})")
        return False
    say(f"{peer}: installed")
    return True


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def main(arguments: list[str]) -> int:
    """Exit code 1 where a peer could not be installed; the bench then runs without it."""
    if "--remove" in arguments:
        shutil.rmtree(PEERS_FOLDER, ignore_errors=True)
        return 0
    PEERS_FOLDER.mkdir(exist_ok=True)
    (PEERS_FOLDER / ".gitignore").write_text("*\n")
    installed = [install(peer, requirement) for peer, requirement in REQUIREMENTS.items()]
    return 0 if all(installed) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
