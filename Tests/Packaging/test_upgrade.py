"""Releases N and N−1 on one database: the previous tag's programs work with this version's schema, beside this version's programs."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import CHECKOUT
from load import Writers
from support import Sallyport, eventually


@pytest.fixture(scope="module")
def previous() -> Path:
    """The previous release's programs: in PREVIOUS_BIN_DIR, or built from the newest tag before this commit."""
    if given := os.environ.get("PREVIOUS_BIN_DIR"):
        return CHECKOUT / given
    described = subprocess.run(["git", "describe", "--tags", "--abbrev=0", "HEAD^"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if described.returncode != 0:
        pytest.skip("there is no tag yet: this is the first release")
    tag, tree = described.stdout.strip(), CHECKOUT / ".build" / "previous-release"
    subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=CHECKOUT, check=False, capture_output=True)
    subprocess.run(["git", "worktree", "add", "--force", "--detach", tree, tag], cwd=CHECKOUT, check=True, capture_output=True)
    for product in ("auth-server", "resource-api"):
        subprocess.run(["swift", "build", "--product", product], cwd=tree, check=True, capture_output=True)
    return tree / ".build" / "debug"


def test_the_previous_release_works_with_this_ones_schema(make_stack, previous):
    stack = make_stack("upgrade", instances=2)
    stack.up()
    sallyport = Sallyport(stack)
    present = stack.settings
    with Writers(sallyport) as writers:
        for service in ("auth-server", "resource-api"):
            stack.settings = replace(present, binaries=previous)
            stack.restart(service, 1)
            stack.settings = present
        # Both answer, and each with the other's: a token of either is good at either.
        for auth in (1, 2):
            url = f"{stack.settings.url('auth-server' if auth == 1 else 'auth-server-2')}/t/acme/oauth2/token"
            answer = sallyport.ask_token("acme", url=url, scope="customers:read")
            assert answer.status_code == 200, answer.text
            for api in ("resource-api", "resource-api-2"):
                headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
                rows = sallyport.http.get(f"{stack.settings.url(api)}/api/v1/customers?limit=1", headers=headers, timeout=20)
                assert rows.status_code == 200, rows.text
        before = {tenant: len(rows) for tenant, rows in writers.written.items()}, writers.sign_ins
        eventually(lambda: all(len(rows) > before[0][tenant] + 50 for tenant, rows in writers.written.items()) and writers.sign_ins > before[1] + 5, 60, "writing")
