"""What deploy/containers/setup decides, with programs that stand in for all that it calls. test_compose.py has it for real."""

import os
import subprocess

import pytest
from conftest import CHECKOUT

SETUP = CHECKOUT / "deploy" / "containers" / "setup"
# `user list` answers with the file that the test wrote; every other call is written down.
AUTH_SERVER = """#!/bin/sh
case "$1 $2" in
"user list") cat "$HERE/users" ;;
"tenant list") printf 'system\\tPlatform\\tactive\\n' ;;
*) printf '%s\\n' "$*" >> "$HERE/calls" ;;
esac
"""


@pytest.mark.parametrize("users, is_made", [
    ([], True),
    (["operator@sallyport.test"], False),
    (["Operator@Sallyport.test"], False),
    (["somebody@sallyport.test", "operator@sallyport.test"], False),
    (["co-operator@sallyport.test"], True),
    (["operator@sallyport.test.example"], True),
    (["operator@sallyportXtest"], True),
    (["somebody@sallyport.test\tid\tactive\tuser\toperator@sallyport.test"], True),
])
def test_the_operator_is_made_unless_there_is_one_of_the_very_address(tmp_path, users, is_made):
    programs = {"auth-server": AUTH_SERVER, "pg_isready": "#!/bin/sh\n", "psql": "#!/bin/sh\ncat > /dev/null\n"}
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "users").write_text("".join(f"{user}\tid\tactive\towner\tName\n" for user in users))
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HERE": str(tmp_path), "SALLYPORT_OPERATOR": "operator@sallyport.test"}
    done = subprocess.run([SETUP], env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    made = [call for call in (tmp_path / "calls").read_text().splitlines() if call.startswith("user create ")]
    assert len(made) == is_made and all("operator@sallyport.test --role owner" in call for call in made)
