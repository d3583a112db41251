"""The scripts' own behaviour that users meet first."""

import os
import socket
import subprocess

import pytest
from sallystack.files import remove
from sallystack.settings import CHECKOUT


def stack_script(*arguments: str, **variables: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [CHECKOUT / "scripts" / "stack", *arguments], env=os.environ | variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("variable", ["SALLYPORT_PORT", "SALLYPORT_AUTH_PORT", "SALLYPORT_API_PORT"])
def test_a_port_in_use_is_named_with_its_variable(variable, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for verb in ("check", "run"):
            done = stack_script(verb, STACK_DIR=str(tmp_path), **{variable: port})
            assert done.returncode == 1
            assert port in done.stderr and variable in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "log").exists() and not (tmp_path / "secrets").exists(), "nothing was started"
    remove(tmp_path)


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1", "8080 "])
def test_what_is_no_port(port):
    done = stack_script("check", SALLYPORT_PORT=port)
    assert done.returncode == 1 and "SALLYPORT_PORT" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("variable", ["SALLYPORT_AUTH_PORT", "SALLYPORT_API_PORT"])
def test_a_second_instance_listens_ten_ports_higher(variable):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = stack_script("check", INSTANCES="2", **{variable: str(port - 10)})
    assert done.returncode == 1
    assert str(port) in done.stderr and variable in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("instances", ["0", "10", "x", "-1"])
def test_what_is_no_number_of_instances(instances):
    done = stack_script("check", INSTANCES=instances)
    assert done.returncode == 1 and "INSTANCES" in done.stderr and "Traceback" not in done.stderr


def test_one_stack_at_a_time_in_a_directory(stack):
    done = stack_script("run", STACK_DIR=str(stack.settings.directory))
    assert done.returncode == 1 and "STACK_DIR" in done.stderr and "Traceback" not in done.stderr


def test_secrets_are_readable_by_their_owner_only(stack):
    directory = stack.settings.directory
    files = [directory / "master.key", directory / "demo.json", *(directory / "secrets").iterdir()]
    assert len(files) >= 6
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_no_secret_in_process_arguments_or_foreign_environments(stack):
    secrets = [path.read_text().strip() for path in (stack.settings.directory / "secrets").glob("*.password")]
    secrets.append((stack.settings.directory / "master.key").read_text().strip())
    processes = [stack.cluster.process, *stack.services.values(), stack.gateway]
    for process in processes:
        for kind in ("cmdline", "environ"):
            with open(f"/proc/{process.pid}/{kind}", "rb") as file:
                content = file.read().decode(errors="replace")
            assert not any(secret in content for secret in secrets), (process.name, kind)


def test_postgresql_is_reached_by_its_socket_alone(stack):
    with open(f"/proc/{stack.cluster.process.pid}/net/tcp") as table:
        inodes = {line.split()[9] for line in table if line.split()[3] == "0A"}
    try:
        mine = {os.readlink(f"/proc/{stack.cluster.process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{stack.cluster.process.pid}/fd")}
    except PermissionError:
        pytest.skip("another user's process")
    assert not {f"socket:[{inode}]" for inode in inodes} & mine
    assert stack.cluster.socket_directory.stat().st_mode & 0o777 == 0o700
