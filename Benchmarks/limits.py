"""What the machine can do at most, measured without any server."""

import ctypes
import ctypes.util
import os
import re
import subprocess
import threading
import time

from sallystack import StackError


def rsa_signatures(seconds: int = 1) -> float:
    """2048-bit RSA signatures a second of one core: what `openssl speed` says."""
    done = subprocess.run(["openssl", "speed", "-mr", "-seconds", str(seconds), "rsa2048"], capture_output=True, text=True, check=False)
    match = re.search(r"\+F2:\d+:2048:([\d.]+):([\d.]+)", done.stdout)
    if match is None:
        raise StackError(f"openssl speed: {done.stderr}")
    # -mr prints the rates, or the seconds a signature takes, by version.
    value = float(match[1])
    return value if value > 1 else 1 / value


def argon2_hashes(threads: int, seconds: float, memory_kib: int = 19_456, passes: int = 2) -> float:
    """Argon2id hashes a second of libsodium, called in a loop on each thread; ctypes lets go of Python's lock meanwhile."""
    sodium, salt, argon2id = _sodium(), os.urandom(16), 2
    counts = [0] * threads
    end = time.monotonic() + seconds

    def loop(index: int) -> None:
        output = ctypes.create_string_buffer(32)
        while time.monotonic() < end:
            status = sodium.crypto_pwhash(
                output, ctypes.c_ulonglong(32), b"correct horse battery", ctypes.c_ulonglong(21), salt,
                ctypes.c_ulonglong(passes), ctypes.c_size_t(memory_kib * 1024), argon2id)
            if status != 0:
                return
            counts[index] += 1

    workers = [threading.Thread(target=loop, args=(index,)) for index in range(threads)]
    started = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if not all(counts):
        raise StackError("libsodium cannot hash")
    return sum(counts) / (time.monotonic() - started)


def argon2_hash(password: str, memory_kib: int, passes: int) -> str:
    """As it is stored: a PHC string."""
    output, secret = ctypes.create_string_buffer(128), password.encode()
    status = _sodium().crypto_pwhash_str(
        output, secret, ctypes.c_ulonglong(len(secret)), ctypes.c_ulonglong(passes), ctypes.c_size_t(memory_kib * 1024))
    if status != 0:
        raise StackError("libsodium cannot hash")
    return output.value.decode()


def _sodium() -> ctypes.CDLL:
    name = ctypes.util.find_library("sodium")
    if name is None:
        raise StackError("libsodium is not there")
    sodium = ctypes.CDLL(name)
    sodium.sodium_init()
    return sodium
