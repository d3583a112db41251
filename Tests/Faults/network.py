"""A network namespace of this process's own, where packets can vanish without anybody being told. Only root gets one."""

import ctypes
import os
import shutil
import subprocess

CLONE_NEWNET = 0x40000000
_is_own = False


def enter_own() -> bool:
    """For this thread, and what it starts from now on. Call it before there are others."""
    global _is_own
    if not _is_own and os.geteuid() == 0 and shutil.which("ip") and shutil.which("iptables"):
        _is_own = ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0 and _succeeds("ip", "link", "set", "lo", "up")
    return _is_own


def is_own() -> bool:
    return _is_own


def lose(*rules: tuple[str, ...]) -> None:
    """Packets that match arrive no more, until `find` is told the same."""
    for rule in rules:
        assert _is_own and _succeeds("iptables", "-I", "INPUT", *rule, "-j", "DROP"), rule


def find(*rules: tuple[str, ...]) -> None:
    for rule in rules:
        _succeeds("iptables", "-D", "INPUT", *rule, "-j", "DROP")


def of_address(address: str) -> tuple[tuple[str, ...], ...]:
    return ("-s", address), ("-d", address)


def of_port(port: int) -> tuple[tuple[str, ...], ...]:
    return ("-p", "tcp", "--sport", str(port)), ("-p", "tcp", "--dport", str(port))


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
