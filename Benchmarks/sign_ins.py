"""Sign-ins by the thousand, of many people, by password grant and at the page; and what the server's memory is meanwhile."""

import http.client
import random
import re
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from client import basic
from limits import argon2_hash
from load import memory, wrk
from sallystack import StackError
from sallystack.files import write_private
from sallystack.stack import Stack

PEOPLE = 1000
#: Hashes that cost next to nothing, so that it is not they that are measured; passwords are checked in full otherwise.
MEMORY_KIB, PASSES = 64, 1
#: Shares of all sign-ins after which the memory is looked at.
MARKS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1)
#: One of so many signs in at the page, with a browser of their own, and the others by password grant.
PAGE_SHARE = 10


def memory_over_sign_ins(stack: Stack, client: dict, total: int, say) -> list[dict]:
    """Restarts auth-server; the number of sign-ins so far and the resident MB, at each mark."""
    stack.services["auth-server"].stop()
    process = stack.start_service(
        "auth-server", SALLYPORT_PASSWORD_HASH_MEMORY_KIB=str(MEMORY_KIB), SALLYPORT_PASSWORD_HASH_PASSES=str(PASSES))
    crowd = Crowd(stack, client)
    done, samples, marks = 0, [], [total * share for share in MARKS]
    while marks:
        by_grant = crowd.sign_in_by_grant(seconds=1)
        by_page = -(-by_grant // (PAGE_SHARE - 1))
        crowd.sign_in_at_page(by_page)
        done += by_grant + by_page
        if done >= marks[0]:
            samples.append({"sign_ins": done, "mb": memory(process.pid)})
            say(f"{done:,} sign-ins: {samples[-1]['mb']:.1f} MB")
            marks = [mark for mark in marks if mark > done]
    return samples


class Crowd:
    """A thousand users of acme with one password."""

    def __init__(self, stack: Stack, client: dict):
        self.auth, self.port = stack.settings.url("auth-server"), stack.settings.ports["auth-server"]
        self.password = "".join(random.choices("abcdefghijkmnpqrstuvwxyz23456789", k=24))
        self.people = [f"person-{number}@acme.example" for number in range(PEOPLE)]
        directory = stack.settings.directory
        stored = argon2_hash(self.password, MEMORY_KIB, PASSES)
        users = directory / "people.csv"
        write_private(users, "email,password_hash\n" + "".join(f'{email},"{stored}"\n' for email in self.people))
        stack.run("auth-server", "user", "import", "--tenant", "acme", str(users))
        self.forms = directory / "password-forms"
        write_private(self.forms, "\n".join([basic(client), *map(self.grant_form, self.people)]) + "\n")
        self.turn = 0

    def grant_form(self, email: str) -> str:
        return urllib.parse.urlencode(
            {"grant_type": "password", "username": email, "password": self.password, "scope": "customers:read"})

    def sign_in_by_grant(self, seconds: int) -> int:
        """Eight callers: what one client may try at once without being slowed down is bounded."""
        return wrk(self.auth + "/t/acme/oauth2/token", seconds, 8, "form.lua", str(self.forms)).count

    def sign_in_at_page(self, count: int) -> None:
        emails = [self.people[(self.turn + index) % PEOPLE] for index in range(count)]
        self.turn += count
        with ThreadPoolExecutor(4) as threads:
            for _ in threads.map(self._sign_in_at_page, emails):
                pass

    def _sign_in_at_page(self, email: str) -> None:
        """The form as a browser that has never been here gets and sends it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            page, cookies = self._ask(connection, "GET", "/t/acme/sign-in", {"Accept": "text/html"}, None, 200)
            form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
            form |= {"username": email, "password": self.password}
            action = re.search(r'<form[^>]* action="([^"]+)"', page)[1]
            headers = {"Accept": "text/html", "Cookie": "; ".join(cookies), "Content-Type": "application/x-www-form-urlencoded"}
            self._ask(connection, "POST", action, headers, urllib.parse.urlencode(form), 303)
        finally:
            connection.close()

    @staticmethod
    def _ask(connection, method: str, path: str, headers: dict, body: str | None, status: int) -> tuple[str, list[str]]:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != status:
            raise StackError(f"{method} {path}: {answer.status} {text[:2000]}")
        return text, [cookie.split(";")[0] for cookie in answer.headers.get_all("Set-Cookie") or []]
