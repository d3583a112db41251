"""pgAdmin as a client of the system tenant. Read by pgAdmin when it starts; the secret comes from the volume that `setup` wrote."""

import json
import os

with open("/var/lib/sallyport/pgadmin/client.json") as file:
    _client = json.load(file)
_issuer = os.environ["SALLYPORT_BASE_URL"] + "/t/system"

SERVER_MODE = True
DATA_DIR = "/var/lib/pgadmin"
LOG_FILE = "/dev/null"
CONSOLE_LOG_LEVEL = 30
DEFAULT_BINARY_PATHS = {"pg": "/usr/lib/postgresql/15/bin"}
UPGRADE_CHECK_ENABLED = False
AUTHENTICATION_SOURCES = ["oauth2"]
OAUTH2_AUTO_CREATE_USER = True
MASTER_PASSWORD_REQUIRED = False
ALLOW_SAVE_PASSWORD = False
SESSION_COOKIE_SAMESITE = "Lax"
OAUTH2_CONFIG = [
    {
        "OAUTH2_NAME": "sallyport",
        "OAUTH2_DISPLAY_NAME": "Sallyport",
        "OAUTH2_CLIENT_ID": _client["client_id"],
        "OAUTH2_CLIENT_SECRET": _client["client_secret"],
        "OAUTH2_SERVER_METADATA_URL": _issuer + "/.well-known/openid-configuration",
        "OAUTH2_AUTHORIZATION_URL": _issuer + "/oauth2/authorize",
        "OAUTH2_TOKEN_URL": _issuer + "/oauth2/token",
        "OAUTH2_API_BASE_URL": _issuer + "/",
        "OAUTH2_USERINFO_ENDPOINT": _issuer + "/oauth2/userinfo",
        "OAUTH2_SCOPE": "openid email profile",
        "OAUTH2_USERNAME_CLAIM": "email",
        "OAUTH2_RESPONSE_TYPE": "code",
        "OAUTH2_CHALLENGE_METHOD": "S256",
        "OAUTH2_SSL_CERT_VERIFICATION": True,
        "OAUTH2_ICON": "fa-openid",
        "OAUTH2_BUTTON_COLOR": "#3253a8",
    }
]
