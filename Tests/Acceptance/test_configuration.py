"""Errors of configuration name the variable and end the process with a message."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

COMMON = [("BASE_URL", "not a url"), ("BASE_URL", ""), ("BASE_URL", "ftp://x"), ("API_URL", "relative"), ("TRUSTED_PROXIES", "everyone"), ("TRUSTED_PROXIES", "10.0.0.0/33"),
          ("LOG_LEVEL", "loud"), ("DATABASE_POOL_SIZE", "0"), ("DATABASE_POOL_SIZE", "many"), ("CONFIG_FILE", "/nonexistent/file.json"),
          ("METRICS_FROM", "everyone"), ("METRICS_TENANTS", "Not-A-Slug"), ("METRICS_TENANTS", "1001"), ("OTLP_ENDPOINT", "collector"), ("OTLP_AUTHORIZATION_FILE", "/nonexistent/file"),
          ("TRACE_RATIO", "1.01"), ("TRACE_RATIO", "nan"), ("TRACE_RATIO", "-1")]
CASES = [("auth-server", *case) for case in COMMON] + [("resource-api", *case) for case in COMMON] + [
    ("auth-server", "AUTH_LISTEN", "nowhere"), ("auth-server", "AUTH_LISTEN", "127.0.0.1:99999"), ("auth-server", "AUTH_DATABASE_URL", ""),
    ("auth-server", "MASTER_KEY_FILE", "/nonexistent/key"), ("auth-server", "MASTER_KEY_FILE", "/etc/hostname"), ("auth-server", "MASTER_KEY_FILE", ""),
    ("resource-api", "API_LISTEN", "nowhere"), ("resource-api", "API_DATABASE_URL", ""), ("resource-api", "API_SCHEMAS", ","),
]


def serve(sallyport, service: str, **changed: str) -> subprocess.CompletedProcess:
    environment = sallyport.stack.environment(service)
    environment |= {"SALLYPORT_AUTH_LISTEN": "127.0.0.1:0", "SALLYPORT_API_LISTEN": "127.0.0.1:0"}
    environment |= {f"SALLYPORT_{name}": value for name, value in changed.items()}
    return subprocess.run(
        [sallyport.stack.binary(service), "serve"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=20)


@pytest.mark.parametrize("service, variable, value", CASES)
def test_a_bad_setting(sallyport, service, variable, value):
    done = serve(sallyport, service, **{variable: value})
    assert done.returncode > 0, "an error, not a trap"
    assert f"SALLYPORT_{variable}".removesuffix("_FILE") in done.stderr, done.stderr
    assert "Fatal" not in done.stderr and ".swift" not in done.stderr


def test_a_master_key_in_the_environment_is_not_shown(sallyport):
    done = serve(sallyport, "auth-server", MASTER_KEY_FILE="", MASTER_KEY="secret-but-too-short")
    assert done.returncode > 0 and "SALLYPORT_MASTER_KEY" in done.stderr
    assert "secret-but-too-short" not in done.stderr + done.stdout


@pytest.mark.parametrize("service, variable", [("auth-server", "AUTH_LISTEN"), ("resource-api", "API_LISTEN")])
def test_a_port_in_use(sallyport, service, variable):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = serve(sallyport, service, **{variable: f"127.0.0.1:{taken.getsockname()[1]}"})
    assert done.returncode > 0
    assert "Fatal" not in done.stderr and (done.stderr + done.stdout).strip()


def test_the_document_says_what_the_programs_say(sallyport, tmp_path):
    """docs/CONFIGURATION.md; make docs writes it."""
    script = [sys.executable, CHECKOUT / "scripts" / "document-settings", "--programs", sallyport.stack.settings.binaries, "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text = (CHECKOUT / "docs" / "CONFIGURATION.md").read_text()
    for before, after in (("| 1000 |", "| 1001 |"), ("0 to 25,000 milliseconds", "0 to 25,000 seconds"), ("| `SALLYPORT_LOG_LEVEL` |", "| `SALLYPORT_LOG_LEVELS` |")):
        assert before in text
        (tmp_path / "stale.md").write_text(text.replace(before, after, 1))
        done = subprocess.run([*script, "--output", tmp_path / "stale.md"], capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "stale" in done.stderr


def test_a_program_prints_its_settings_and_no_value_of_its_environment(sallyport):
    environment = sallyport.stack.environment("command line") | {"SALLYPORT_LOG_LEVEL": "error"}
    for service in ("auth-server", "resource-api"):
        done = subprocess.run([sallyport.stack.binary(service), "settings"], env=environment, capture_output=True, text=True, check=True)
        assert '"SALLYPORT_MAX_REQUESTS":{"kind":"integer","required":false,"default":"1024","minimum":1,"maximum":1000000}' in done.stdout
        assert sallyport.base_url not in done.stdout and str(sallyport.stack.settings.directory) not in done.stdout
