#!/usr/bin/env python3
"""The previous release's programs, to stand beside this one's.

  previous.py [REF]     builds them from REF (the newest tag before this commit), once for each commit; prints the directory they are in
"""

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PRODUCTS = ("auth-server", "resource-api")


def git(*arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def commit(reference: str | None) -> str:
    reference = reference or git("describe", "--tags", "--abbrev=0", "HEAD^")
    if reference is None:
        sys.exit("There is no tag before this commit, so no release to upgrade from. Name a commit: make test-upgrade PREVIOUS=REF")
    found = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    if found is None:
        sys.exit(f"‘{reference}’ is no commit of this repository (a shallow clone has few).")
    if found == git("rev-parse", "HEAD"):
        sys.exit(f"‘{reference}’ is this very commit: an upgrade from it shows nothing.")
    return found


def built(commit: str) -> Path:
    """Debug builds, as the tests' own are."""
    tree = CHECKOUT / ".build" / "previous" / commit
    whole = tree / ".build" / "whole"
    if not whole.exists():
        tree.mkdir(parents=True, exist_ok=True)
        archive = subprocess.Popen(["git", "archive", "--format=tar", commit], cwd=CHECKOUT, stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", tree], stdin=archive.stdout, check=True)
        assert archive.wait() == 0
        for product in PRODUCTS:
            # Its output goes where errors go: what this program prints is the directory.
            subprocess.run([os.environ.get("SWIFT", "swift"), "build", "--product", product], cwd=tree, stdout=sys.stderr, check=True)
        whole.touch()
    return tree / ".build" / "debug"


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    try:
        print(built(commit(sys.argv[1] if len(sys.argv) == 2 else None)))
    except subprocess.CalledProcessError as error:
        sys.exit(f"previous.py: {error}")
