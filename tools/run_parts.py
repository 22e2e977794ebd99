"""Run the tests that need programs pip does not bring, and say plainly what ran.

`python tools/run_parts.py` installs what is missing where it may (Debian or Ubuntu, as root); it ends with status 3
where a program is missing and cannot be installed. With --optional the tests run without it, and its name is printed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

# A program the tests look for → the Debian package that has it.
PARTS = {"chromium": "chromium", "espeak-ng": "espeak-ng", "ffmpeg": "ffmpeg", "tesseract": "tesseract-ocr"}
ELSEWHERE = {"chromium": ("google-chrome", "chrome")}


def main() -> int:
    """Install, run, report; return the exit status."""
    missing = _missing()
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        packages = [PARTS[program] for program in missing]
        print(f"test-media: installing {', '.join(packages)}", flush=True)
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], check=False)
        missing = _missing()
    if missing:
        names = " ".join(PARTS[program] for program in missing)
        print(f"test-media: missing {', '.join(missing)}; install as root: apt-get install {names}")
        if "--optional" not in sys.argv:
            return 3
    command = [sys.executable, "-m", "pytest", "-m", "parts", "-rs", "tests"]
    environment = os.environ | ({} if missing else {"MEMENTO_TEST_ALL_PARTS": "1"})
    status = subprocess.run(command, env=environment, check=False).returncode
    there = [program for program in PARTS if program not in missing]
    print(f"test-media: ran with {', '.join(there) or 'none of the programs'}; without {', '.join(missing) or 'none'}")
    return status


def _missing() -> list[str]:
    return [name for name in PARTS if not any(map(shutil.which, (name, *ELSEWHERE.get(name, ()))))]


if __name__ == "__main__":
    sys.exit(main())
