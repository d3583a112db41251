"""Debian's Chromium without a window, and the client's end of it: a callback on a loopback port."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from urllib.parse import parse_qsl, urlsplit

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server", "--hide-scrollbars", "--no-first-run")
BLOCKED = 2


class Chromium:
    """One browser with one profile; `forget()` makes it a new one. Every page must be free of complaints in the console."""

    def __init__(self, scripts: bool = True, arguments: tuple[str, ...] = ()):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ARGUMENTS + arguments:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        if not scripts:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": BLOCKED})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.set_page_load_timeout(20)

    def close(self) -> None:
        self.driver.quit()

    def forget(self) -> None:
        self.driver.get("about:blank")
        self.driver.execute_cdp_cmd("Storage.clearCookies", {})
        self.driver.get_log("browser")

    def open(self, url: str) -> None:
        self.driver.get(url)

    @property
    def title(self) -> str:
        """The page's heading."""
        return self.find("h1").text

    @property
    def words(self) -> str:
        return self.find("body").text

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def count(self, selector: str) -> int:
        return len(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def type(self, **fields: str) -> None:
        for name, text in fields.items():
            element = self.find(f"input[name={name}]")
            element.clear()
            element.send_keys(text)

    def press(self, button: str) -> None:
        """By its value or its words. Returns once another page is there."""
        before = self.find("html")
        self.find(f"button[value='{button}']").click()
        WebDriverWait(self.driver, 15, poll_frequency=0.02).until(lambda _: self._is_gone(before))

    @staticmethod
    def _is_gone(element: WebElement) -> bool:
        with contextlib.suppress(Exception):
            element.is_enabled()
            return False
        return True

    def sign_in(self, user: dict) -> None:
        assert self.title == "Sign in"
        self.type(username=user["username"], password=user["password"])
        self.press("sign_in")

    def complaints(self) -> list[str]:
        """What the console says since the last time: refused by the policy, mixed content, missing files."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


class Callback:
    """The client's redirect URI. Answers with a page and keeps what it was sent: the parameters, and the method they came by."""

    def __init__(self):
        arrived: Queue[tuple[str, dict, dict]] = Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._take(urlsplit(self.path).query)

            def do_POST(self):
                self._take(self.rfile.read(int(self.headers["Content-Length"])).decode())

            def _take(self, query: str):
                is_ours = urlsplit(self.path).path == "/callback"
                if is_ours:
                    pairs = parse_qsl(query, keep_blank_values=True)
                    assert len(dict(pairs)) == len(pairs), "a parameter came twice"
                    arrived.put((self.command, dict(pairs), dict(self.headers)))
                content = b"<!doctype html><link rel=icon href=data:,><title>Client</title><h1>Back at the client</h1>"
                self.send_response(200 if is_ours else 404)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._arrived = arrived
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.uri = f"http://127.0.0.1:{self._server.server_port}/callback"

    def take(self, method: str = "GET") -> dict[str, str]:
        """The parameters of the one answer that has come."""
        try:
            arrived, parameters, headers = self._arrived.get(timeout=10)
        except Empty:
            raise AssertionError("nothing came to the client") from None
        assert arrived == method and "Referer" not in headers
        assert self._arrived.empty(), "the client was answered twice"
        return parameters

    def drain(self) -> None:
        while not self._arrived.empty():
            self._arrived.get_nowait()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
