"""Token requests of the benchmarks, one at a time."""

import base64
import json
import urllib.error
import urllib.request

from sallystack import StackError

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def basic(client: dict) -> str:
    """The client's credentials as HTTP Basic wants them."""
    return base64.b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()


def post(url: str, form: str, client: dict) -> dict:
    """Posts a form as the client and returns the JSON answer."""
    request = urllib.request.Request(url, form.encode(), {"Authorization": "Basic " + basic(client)})
    try:
        return json.load(_opener.open(request, timeout=30))
    except urllib.error.HTTPError as error:
        raise StackError(f"{url}: {error.code} {error.read().decode()}") from None
