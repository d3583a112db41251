"""docs/API.md, followed from its first line to its last by somebody who pastes every block."""

import json
import os
import re
import subprocess

import pytest

from conftest import CHECKOUT
from support import Sallyport, eventually

# A request that is refused ends the session.
PASTED = 'curl() { command curl -sS --fail-with-body "$@"; }\nset -euo pipefail\n'


@pytest.fixture(scope="module")
def tour(start_stack, tmp_path_factory):
    """What each section's blocks of shell printed, by the section's title; the blocks of SQL were run by the tables' owner in between."""
    sallyport = Sallyport(start_stack("documented"))
    client = sallyport.new_client("acme", "*:*")
    token = sallyport.ask_token("acme", client, scope="*:*").json()["access_token"]
    environment = os.environ | {"API": sallyport.api_url, "TOKEN": token, "ID": ""}
    directory = tmp_path_factory.mktemp("documented")
    printed: dict[str, list[str]] = {}
    for title, language, text in blocks((CHECKOUT / "docs" / "API.md").read_text()):
        if language == "sql":
            sallyport.sql(text)
        elif language == "sh":
            if title == "Retries":
                text += text
            elif title == "Pages by key":
                text += "printf '%s' \"$NEXT\" >next\n"
            done = subprocess.run(
                ["bash", "-c", f"{PASTED}{text}\nprintf '%s' \"$ID\" >id"], env=environment, cwd=directory, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{title}: {done.stderr}{done.stdout}"
            environment["ID"] = (directory / "id").read_text()
            printed.setdefault(title, []).append(done.stdout)
    return sallyport, token, printed, directory


def blocks(page: str):
    title, language, lines = "", None, []
    for line in page.splitlines():
        if language is None and line.startswith("#"):
            title = line.lstrip("# ")
        elif language is None and (opened := re.match(r"```(\w+)$", line)):
            language, lines = opened[1], []
        elif line == "```":
            yield title, language, "\n".join(lines) + "\n"
            language = None
        else:
            lines.append(line)


def test_a_batch_answers_for_each_operation(tour):
    results = json.loads(tour[2]["Batches"][0])["results"]
    assert [result["status"] for result in results] == [201, 204, 200]
    assert all(row["status"] != "new" for row in results[2]["body"])


def test_pages_by_key_follow_each_other(tour):
    sallyport, token, printed, directory = tour
    assert len(json.loads(printed["Pages by key"][0])) == 5 and re.fullmatch(r"[\w-]{20,}", (directory / "next").read_text())
    pages, cursor = [], ""
    while cursor is not None:
        page = sallyport.api("GET", f"customers?select=id&order=name&limit=7&after={cursor}", token)
        assert page.status_code == 200, page.text
        pages.append([row["id"] for row in page.json()])
        cursor = page.headers.get("Next-Cursor")
    assert pages.pop() == []
    assert [len(page) for page in pages[:-1]] == [7] * (len(pages) - 1)
    assert [key for page in pages for key in page] == [row["id"] for row in sallyport.rows("customers?select=id&order=name,id", token)]


def test_a_retry_is_answered_with_the_first_answer(tour):
    sallyport, token, printed, _ = tour
    first, second = [answer for answer in printed["Retries"][0].split("HTTP/1.1 ") if answer]
    assert first.startswith("201") and "idempotent-replayed" not in first.lower()
    assert second.startswith("201") and "idempotent-replayed: true" in second.lower()
    # One by both tries, one by the import of what was exported afterwards.
    assert len(sallyport.rows("customers?name=eq.Grace&select=id", token)) == 2


def test_what_is_exported_can_be_imported(tour):
    lines = (tour[3] / "customers.csv").read_text().splitlines()
    assert lines[0] == "name,email" and len(lines) > 20
    assert json.loads(tour[2]["Files"][0]) == {"count": len(lines) - 1}


def test_a_soft_deleted_row_is_listed_and_comes_back(tour):
    sallyport, token, printed, _ = tour
    listed = json.loads(printed["Soft delete"][0].strip().splitlines()[0])
    assert [row["name"] for row in listed] == ["Ada"]
    assert [row["name"] for row in sallyport.rows(f"customers?id=eq.{listed[0]['id']}", token)] == ["Ada"]


def test_changes_are_recorded_once_it_is_declared(tour):
    sallyport, token, _, _ = tour
    order = sallyport.rows("orders?select=id&limit=1", token)[0]["id"]
    assert sallyport.api("PATCH", f"orders?id=eq.{order}", token, json={"notes": "seen"}).status_code == 204
    recorded = sallyport.rows(f"row_audit?table=eq.orders&key=eq.{order}&order=changed_at.desc", token)
    assert [(row["action"].lower(), row["after"]["notes"]) for row in recorded] == [("update", "seen")]


def test_states_follow_the_declared_transitions(tour):
    sallyport, token, _, _ = tour
    customer = sallyport.rows("customers?select=id&limit=1", token)[0]["id"]
    made = sallyport.api("POST", "orders?select=id", token, json={"customer_id": customer, "status": "new"}, headers={"Prefer": "return=representation"})
    assert made.status_code == 201, made.text
    refused = sallyport.api("PATCH", f"orders?id=eq.{made.json()[0]['id']}", token, json={"status": "shipped"})
    documented = json.loads(next(text for title, language, text in blocks((CHECKOUT / "docs" / "API.md").read_text()) if title == "Workflows" and language == "json"))
    assert refused.status_code == 409
    assert refused.json()["code"] == documented["code"] and refused.json()["message"] == documented["message"]
    assert "paid" in refused.json()["details"] and "cancelled" in refused.json()["details"]


def test_maintained_columns_say_who_wrote(tour):
    sallyport, token, _, _ = tour
    customer = sallyport.rows("customers?select=id&limit=1", token)[0]["id"]

    def written():
        made = sallyport.api(
            "POST", "orders?select=created_at,created_by", token, json={"customer_id": customer, "status": "new", "created_by": "somebody else"},
            headers={"Prefer": "return=representation"})
        return made.json()[0] if made.status_code == 201 else None

    row = eventually(written)
    assert row["created_at"] and row["created_by"] not in (None, "somebody else")
