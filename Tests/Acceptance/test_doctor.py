"""The doctors visit a running stack: what is healthy, what is not, and what they say to people, programs and monitoring."""

import json
import os
import subprocess
from dataclasses import replace

import pytest
from conftest import CHECKOUT
from raw import EchoServer
from sallystack.files import remove
from sallystack.gateway import Gateway
from sallystack.settings import PORT_VARIABLES, free_ports


def visit(sallyport, *options: str, **settings: str) -> tuple[int, list[dict]]:
    """`/proc` has no limit: how much room the machine has is not the test's."""
    done = sallyport.stack.run("auth-server", "doctor", "--json", "--disk", "/proc", *options, check=False, **settings)
    assert done.returncode in (0, 2, 3), done.stderr
    return done.returncode, json.loads(done.stdout)["hazards"]


def checks(hazards: list[dict]) -> set[str]:
    return {hazard["check"] for hazard in hazards}


def test_a_healthy_stack(sallyport):
    """But for its database, which may lose everything in a crash: it is a test's."""
    status, hazards = visit(sallyport)
    assert status == 2 and checks(hazards) == {"database"}, hazards
    assert {hazard["object"] for hazard in hazards} <= {"fsync", "full_page_writes", "synchronous_commit"}
    assert all(hazard["severity"] == "warning" and "ALTER SYSTEM" in hazard["cure"] for hazard in hazards)
    before = sallyport.sql("SELECT count(*) FROM auth.audit_event")
    visit(sallyport)
    assert sallyport.sql("SELECT count(*) FROM auth.audit_event") == before, "it leaves nothing behind"


def test_what_people_read(sallyport):
    done = sallyport.stack.run("auth-server", "doctor", "--tenant", "acme", "--disk", "/nowhere", check=False)
    assert done.returncode == 2 and "warning: /nowhere cannot be looked at [disk]" in done.stdout and done.stdout.rstrip().endswith("warnings.")
    done = sallyport.stack.run("auth-server", "doctor", "--tenant", "nobody", check=False)
    assert done.returncode == 1 and "no tenant ‘nobody’" in done.stderr


def test_settings_that_endanger(sallyport, tmp_path):
    key = tmp_path / "other.key"
    key.write_text("ab" * 32)
    status, hazards = visit(sallyport, SALLYPORT_TRUSTED_PROXIES="0.0.0.0/0", SALLYPORT_MASTER_KEY_FILE=str(key))
    assert status == 3 and {"forwarded-header", "key"} <= checks(hazards)
    assert "SALLYPORT_MASTER_KEY_FILE" in next(hazard for hazard in hazards if hazard["check"] == "key")["cure"]
    status, hazards = visit(sallyport, "--without-gateway", SALLYPORT_TRUSTED_PROXIES="", SALLYPORT_MASTER_KEY_FILE="/nowhere")
    assert status == 3 and {"forwarded-header", "key"} <= checks(hazards)


def test_no_gateway(sallyport):
    port = free_ports()["gateway"]
    status, hazards = visit(sallyport, SALLYPORT_BASE_URL=f"http://127.0.0.1:{port}", SALLYPORT_API_URL=sallyport.api_url)
    assert status == 3 and [hazard["object"] for hazard in hazards if hazard["check"] == "gateway"] == [f"http://127.0.0.1:{port}"]
    assert visit(sallyport, "--without-gateway", SALLYPORT_BASE_URL=f"http://127.0.0.1:{port}")[0] == 2


def test_something_else_answers(sallyport):
    echo = EchoServer("stranger")
    try:
        status, hazards = visit(sallyport, SALLYPORT_BASE_URL=f"http://127.0.0.1:{echo.port}", SALLYPORT_API_URL=f"http://127.0.0.1:{echo.port}/api/v1")
        assert status == 3 and {"discovery", "key", "inside", "header-size"} <= checks(hazards)
    finally:
        echo.close()


class Mended(Gateway):
    """A gateway whose configuration somebody has changed by hand."""

    changes: tuple[tuple[str, str, str], ...] = ()

    def render(self) -> None:
        super().render()
        for name, old, new in self.changes:
            path = self.configuration / name
            text = path.read_text()
            assert old in text
            path.write_text(text.replace(old, new))


@pytest.mark.parametrize("change, check", [
    (None, None),
    (("site.conf", "proxy_buffer_size 16k;", ""), "header-size"),
    (("nginx.conf", "large_client_header_buffers 4 16k;", "large_client_header_buffers 4 4k;"), "header-size"),
    (("proxy.conf", "proxy_set_header X-Forwarded-Host $public_host;", "proxy_set_header X-Forwarded-Host $http_x_forwarded_host;"), "forwarded-header"),
    (("site.conf", "location ^~ /.well-known/oauth-protected-resource/ {", "location ^~ /.well-known/something-else/ {"), "discovery"),
    (("site.conf", "location / {\n    return 404 $answer_404;", "location / {\n    proxy_pass http://auth-server;"), "inside"),
    (("proxy.conf", "proxy_http_version 1.1;", "proxy_http_version 1.1;\nproxy_set_header X-Tenant-ID \"\";"), "issuer"),
])
def test_gateways_that_were_changed_by_hand(sallyport, tmp_path, change, check):
    """The services are told another URL, so `issuer` is said of each; what is looked for is what comes with the change."""
    settings = sallyport.stack.settings
    port = free_ports()["gateway"]
    tmp_path.chmod(0o755)
    gateway = Mended(replace(settings, directory=tmp_path, ports=settings.ports | {"gateway": port}))
    gateway.changes = (change,) if change else ()
    process = gateway.start()
    try:
        hazards = visit(sallyport, SALLYPORT_BASE_URL=f"http://127.0.0.1:{port}", SALLYPORT_API_URL=f"http://127.0.0.1:{port}/api/v1")[1]
        found = checks(hazards) - {"database", "issuer"}
        assert found == ({check} - {"issuer", None}), hazards
        if check == "issuer":
            assert any("X-Tenant-ID" in hazard["problem"] and "/t/" not in hazard["problem"].split("and not")[0].split(" is ")[1] for hazard in hazards)
    finally:
        process.stop()
        remove(tmp_path)


def test_make_doctor(sallyport):
    """Both programs, with the settings of the running stack."""
    settings = sallyport.stack.settings
    ports = {variable: str(settings.ports[name]) for name, variable in PORT_VARIABLES.items()}
    environment = dict(os.environ) | {"STACK_DIR": str(settings.directory), "BIN_DIR": str(settings.binaries)} | ports
    done = subprocess.run(["make", "-s", "doctor"], cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "auth-server doctor" in done.stdout and "resource-api doctor" in done.stdout
    status = subprocess.run([CHECKOUT / "scripts/stack", "doctor"], env=environment, capture_output=True, text=True, timeout=60, check=False).returncode
    assert status in (2, 3) and (done.returncode == 2), "make's own status for a failed recipe"
