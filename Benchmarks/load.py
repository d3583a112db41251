"""One measurement each: wrk, pgbench, openssl speed, memory, start-up. All bounded in time, all on 127.0.0.1."""

import http.client
import re
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from sallystack import StackError
from sallystack.cluster import Cluster, clean_environment, program
from sallystack.stack import Stack

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Load:
    """Answers a second, and latencies in milliseconds."""

    per_second: float
    median: float
    p99: float
    count: int


def wrk(url: str, seconds: float, connections: int, script: str | None = None, *arguments: str) -> Load:
    """Fails when one answer is not 2xx, or one connection breaks: a figure of errors is no figure."""
    command = ["wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    if script:
        command += ["-s", str(HERE / script)]
    done = subprocess.run([*command, url, "--", *arguments], capture_output=True, text=True, check=False, timeout=seconds + 60)
    text = done.stdout
    if done.returncode != 0 or "Non-2xx" in text or re.search(r"Socket errors: (?!connect 0, read 0, write 0, timeout 0)", text):
        raise StackError(f"wrk {url}: {done.stderr or text}")
    return Load(
        per_second=float(_found(r"Requests/sec:\s+([\d.]+)", text)),
        median=_milliseconds(_found(r"\s50%\s+(\S+)", text)),
        p99=_milliseconds(_found(r"\s99%\s+(\S+)", text)),
        count=int(_found(r"(\d+) requests in", text)),
    )


def pgbench(
    cluster: Cluster, seconds: float, connections: int, variables: dict[str, str], script: str, role: str = "sallyport_api"
) -> float:
    """Transactions a second of a script, as the role that the service uses."""
    command = [program("pgbench"), "-n", "-M", "prepared", "-c", str(connections), "-j", "2", "-T", str(max(1, round(seconds))), "-f", str(HERE / script)]
    for name, value in variables.items():
        command += ["-D", f"{name}={value}"]
    done = subprocess.run([*command, cluster.url(role)], capture_output=True, text=True, check=False, env=clean_environment())
    if done.returncode != 0:
        raise StackError(f"pgbench: {done.stderr}")
    return float(_found(r"tps = ([\d.]+)", done.stdout))


def ecdsa_signatures(seconds: int = 1) -> float:
    """P-256 signatures a second on one core: what `openssl speed` says."""
    done = subprocess.run(
        ["openssl", "speed", "-mr", "-seconds", str(seconds), "ecdsap256"], capture_output=True, text=True, check=False)
    return float(_found(r"\+F4:\d+:256:([\d.]+):", done.stdout))


def memory(pid: int) -> float:
    """Resident, in MB (10⁶ bytes)."""
    return int(_found(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())) * 1024 / 1e6


class MemoryPeak:
    """The largest of the samples taken while the block runs."""

    def __init__(self, pid: int):
        self.pid = pid
        self.peak = memory(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> "MemoryPeak":
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _sample(self):
        while not self._done.wait(0.1):
            self.peak = max(self.peak, memory(self.pid))


def start_to_ready(stack: Stack, name: str) -> float:
    """Restarts the service; milliseconds from the start of the process to 200 from /readyz."""
    if name in stack.services:
        stack.services[name].stop()
    started = time.monotonic()
    process = stack.start_service(name, ready=False)
    process.wait_until(lambda: _is_ready(stack.settings.ports[name]), seconds=30, interval=0.001)
    return (time.monotonic() - started) * 1000


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise StackError(f"no {pattern} in:\n{text}")
    return match[1]


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]
