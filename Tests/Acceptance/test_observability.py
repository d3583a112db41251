"""Metrics, alerts and the dashboard, checked by a real Prometheus that scrapes the running stack."""

import json
import math
import re
import shutil
import socket
import subprocess

import pytest
import yaml
from conftest import CHECKOUT
from sallystack.processes import Process, answers_200
from support import eventually

FOLDER = CHECKOUT / "deploy" / "observability"
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
# Panels of what this stack has not: it exports no traces.
NOT_HERE = {"Spans", "SallyportTracesLost"}


@pytest.fixture(scope="module")
def used(sallyport):
    """The stack after some of everything: tokens, sign-ins, reads, refusals."""
    user = sallyport.user("user")
    for tenant in ("acme", "globex"):
        for _ in range(3):
            assert sallyport.ask_token(tenant).ok
            assert sallyport.api("GET", "customers?limit=1", sallyport.token(tenant)).ok
    assert sallyport.ask_token("acme", "legacy", grant_type="password", username=user["username"], password=user["password"]).ok
    assert sallyport.api("GET", "customers", "not-a-token").status_code == 401
    assert sallyport.ask_token("acme", ("nobody", "x" * 20)).status_code == 401
    return sallyport


@pytest.fixture(scope="module")
def prometheus(used, tmp_path_factory):
    """`query(promql)` asks a Prometheus with the project's configuration, which scrapes each second."""
    directory = tmp_path_factory.mktemp("prometheus")
    settings = used.stack.settings
    configuration = (FOLDER / "prometheus.yml").read_text().replace("15s", "1s")
    for name, port in (("auth-server", 8081), ("resource-api", 8082)):
        assert f'"127.0.0.1:{port}"' in configuration
        configuration = configuration.replace(f"127.0.0.1:{port}", f"127.0.0.1:{settings.ports[name]}")
    (directory / "prometheus.yml").write_text(configuration)
    shutil.copy(FOLDER / "alerts.yml", directory)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    process = Process(
        "prometheus",
        ["prometheus", f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data", f"--web.listen-address={url[7:]}", "--log.level=warn"],
        directory / "prometheus.log", {"PATH": "/usr/local/bin:/usr/bin:/bin"}).start()
    try:
        process.wait_until(lambda: answers_200(url + "/-/ready"))

        def ask(path: str, **parameters) -> dict:
            answer = used.http.get(f"{url}/api/v1/{path}", params=parameters, timeout=10).json()
            assert answer["status"] == "success", answer
            return answer["data"]

        eventually(lambda: all(target["health"] == "up" for target in ask("targets")["activeTargets"]), 15, "both targets being up")
        yield ask
    finally:
        process.stop()


def numbers(answer: dict) -> list[float]:
    return [number for series in answer["result"] if not math.isnan(number := float(series["value"][1]))]


def has_data(used, prometheus, query: str) -> None:
    def asked():
        used.ask_token("acme")
        used.api("GET", "customers?limit=1", used.token("acme"))
        used.api("GET", "customers?nothing=eq.1", used.token("globex"))
        return numbers(prometheus("query", query=query))

    assert eventually(asked, 20, f"data for {query}")


# MARK: Who may read


@pytest.mark.parametrize("name", ["auth-server", "resource-api"])
def test_metrics_are_for_this_machine_and_not_for_the_gateway(sallyport, name):
    url = sallyport.stack.settings.url(name) + "/metrics"
    assert sallyport.http.get(url).status_code == 200
    for header in ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded"):
        assert sallyport.http.get(url, headers={header: "for=127.0.0.1"}).status_code == 404
    for path in ("/metrics", "/t/acme/metrics", "/api/v1/../metrics", "/api/v1/%2e%2e/metrics", "//metrics", "/.well-known/../metrics"):
        answer = sallyport.http.get(sallyport.base_url + path)
        assert answer.status_code >= 400 and "# TYPE" not in answer.text


def test_metrics_are_refused_to_addresses_that_are_not_named(sallyport):
    process = sallyport.stack.services["resource-api"]
    process.stop()
    try:
        sallyport.stack.start_service("resource-api", SALLYPORT_METRICS_FROM="10.0.0.0/8")
        url = sallyport.stack.settings.url("resource-api")
        assert sallyport.http.get(url + "/metrics").status_code == 404
        assert sallyport.http.get(url + "/readyz").status_code == 200
    finally:
        sallyport.stack.services["resource-api"].stop()
        sallyport.stack.start_service("resource-api")


# MARK: What there is


def test_labels_are_bounded_and_hold_nothing_that_a_client_chose(used):
    chosen = "invented-by-the-client"
    for path in (f"/t/{chosen}/oauth2/jwks", f"/t/{chosen}/oauth2/token", f"/api/v1/{chosen}", f"/api/v1/customers?{chosen}=eq.1"):
        assert used.http.get(used.base_url + path).status_code >= 400
    used.api("GET", chosen, used.token("acme"))
    used.http.request(chosen.upper(), used.stack.settings.url("auth-server") + "/livez")
    texts = {name: used.http.get(used.stack.settings.url(name) + "/metrics").text for name in used.stack.services}
    for name, text in texts.items():
        assert chosen not in text.lower(), name
        for secret in used.secrets:
            assert secret not in text, name
        tenants = set(re.findall('tenant="([^"]*)"', text))
        assert {"acme", "globex"} <= tenants
        assert set(re.findall('status="([^"]*)"', text)) <= {"1xx", "2xx", "3xx", "4xx", "5xx"}
        assert text.count("\n") < 20_000


def test_the_text_is_well_formed(used):
    for name in used.stack.services:
        text = used.http.get(used.stack.settings.url(name) + "/metrics").text
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


# MARK: Alerts


def test_rules_and_configuration_are_valid():
    for arguments in (["check", "rules", "alerts.yml"], ["check", "config", "prometheus.yml"], ["test", "rules", "alerts.test.yml"]):
        done = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_shown_to_fire_and_to_be_quiet():
    cases = yaml.safe_load((FOLDER / "alerts.test.yml").read_text())["tests"]
    shown = {(test["alertname"], bool(test["exp_alerts"])) for case in cases for test in case["alert_rule_test"]}
    assert shown == {(rule["alert"], fires) for rule in RULES for fires in (True, False)}


def test_each_alert_has_its_page_and_each_page_its_alert():
    folder = CHECKOUT / "docs" / "runbooks"
    assert {path.stem for path in folder.glob("*.md")} == {rule["alert"] for rule in RULES}
    for rule in RULES:
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
        assert rule["annotations"]["summary"] and rule["labels"]["severity"] in ("page", "ticket")
        text = (folder / f"{rule['alert']}.md").read_text()
        assert text.startswith(f"# {rule['alert']}\n") and "\n## Look\n" in text and "\n## Do\n" in text
        for link in re.findall(r"\]\((\w+\.md)\)", text):
            assert (folder / link).exists(), f"{rule['alert']} links to {link}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_the_numbers_of_each_alert_are_there(used, prometheus, rule):
    if rule["alert"] in NOT_HERE:
        pytest.skip("test_traces.py sees these numbers, on a stack that exports traces")
    measured, found = re.subn(r"\s[<>]\s*[0-9.]+\s*$", "", rule["expr"])
    assert found == 1, "an alert compares a number with a limit"
    has_data(used, prometheus, measured)


def test_no_alert_fires_and_no_rule_fails(used, prometheus):
    groups = eventually(lambda: (found := prometheus("rules")["groups"]) and all(rule["health"] == "ok" for group in found for rule in group["rules"]) and found, 20, "all rules being evaluated")
    assert sum(len(group["rules"]) for group in groups) == len(RULES)
    assert [alert["labels"]["alertname"] for alert in prometheus("alerts")["alerts"] if alert["state"] == "firing"] == []


# MARK: The dashboard


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_each_query_of_the_dashboard_has_data(used, prometheus, panel):
    if panel["title"] in NOT_HERE:
        pytest.skip("test_traces.py sees these numbers, on a stack that exports traces")
    for target in panel["targets"]:
        query = target["expr"].replace("$__rate_interval", "1m").replace("$job", ".*").replace("$instance", ".*")
        assert "$" not in query
        has_data(used, prometheus, query)


def test_panels_do_not_overlap_and_queries_name_no_other_variable():
    places = [(panel["gridPos"]["x"] + dx, panel["gridPos"]["y"] + dy) for panel in DASHBOARD["panels"] for dx in range(panel["gridPos"]["w"]) for dy in range(panel["gridPos"]["h"])]
    assert len(places) == len(set(places)) and max(x for x, _ in places) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert {variable["name"] for variable in DASHBOARD["templating"]["list"]} == {"datasource", "job", "instance"}
