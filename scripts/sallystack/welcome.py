"""What `make run` prints when everything is up: where things are, and a session to paste."""

import json
import shlex

from .settings import Settings


def session(settings: Settings) -> list[str]:
    """Shell lines that get a token and list rows with it; they need curl, python3 and sed."""
    demo = json.loads(settings.demo_file.read_text())
    issuer, api = demo["tenants"]["acme"]["issuer"], demo["api_url"]
    file = shlex.quote(str(settings.demo_file))
    read = 'import json, sys; c = json.load(open(sys.argv[1]))["tenants"]["acme"]["clients"]["service"]; print(c["client_id"] + ":" + c["client_secret"])'
    return [
        f"client=$(python3 -c '{read}' {file})",
        f"token=$(curl -s --user \"$client\" -d grant_type=client_credentials -d scope=customers:read {issuer}/oauth2/token"
        " | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')",
        f"curl -s -H \"Authorization: Bearer $token\" '{api}/customers?select=id,name,email&order=name&limit=5'",
    ]


def welcome(settings: Settings) -> str:
    demo = json.loads(settings.demo_file.read_text())
    issuers = "\n".join(f"  {name:<12} {tenant['issuer']}" for name, tenant in demo["tenants"].items())
    lines = "\n".join("  " + line for line in session(settings))
    return f"""
Sallyport is running.

  gateway      {settings.base_url}
{issuers}
  API          {demo["api_url"]}
  discovery    {demo["tenants"]["acme"]["issuer"]}/.well-known/openid-configuration
  clients      {settings.demo_file} (secrets; only you can read it)
  logs         {settings.logs}

Try it in another terminal:

{lines}

Administration: scripts/stack exec auth-server tenant list
Ctrl-C stops everything; the data stays in {settings.directory}.
"""
