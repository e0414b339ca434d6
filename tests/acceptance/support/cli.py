"""The unmodified esp-rainmaker-cli. It always exits with 0, so tests judge by what it prints."""

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from .cloud import clean_environment
from .user import PASSWORD
from .wait import until

BROWSER = Path(__file__).with_name("open_in_browser.py")
PROGRAM = Path(sys.executable).parent / "esp-rainmaker-cli"
# What the program consists of: enough to run it with another list of trusted CAs.
PACKAGES = ["rainmaker", "rmaker_cmd", "rmaker_lib", "rmaker_tools", "server_cert"]


class Cli:
    """One person's command line, with its own folder of profiles and logs."""

    def __init__(self, cloud, folder):
        assert PROGRAM.is_file(), f"{PROGRAM} is missing: make installs it"
        self.cloud = cloud
        # What it is run by, for one that is elsewhere on a network.
        self.prefix = []
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.env = {
            **clean_environment(),
            "RM_USER_CONFIG_DIR": str(self.folder / "profiles"),
            "RMAKER_CLI_LOG_DIR": str(self.folder / "logs"),
            "HOME": str(self.folder),
            "PYTHONUNBUFFERED": "1",
        }

    def trust(self, ca):
        """Makes a copy of the program's packages in which the cloud's CA is trusted, and uses that. The
        program checks most requests against its own file, and some against REQUESTS_CA_BUNDLE."""
        copy = self.folder / "packages"
        installed = Path(next(path for path in sys.path if (Path(path) / "rmaker_lib").is_dir()))
        for package in PACKAGES:
            shutil.copytree(installed / package, copy / package)
        with (copy / "server_cert/server_cert.pem").open("a") as trusted:
            trusted.write("\n" + ca.read_text())
        self.env |= {"PYTHONPATH": str(copy), "REQUESTS_CA_BUNDLE": str(ca)}

    def _start(self, *command):
        return subprocess.Popen(
            [*self.prefix, PROGRAM, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.env,
            cwd=self.folder,
            # Without a terminal it reads passwords from standard input.
            start_new_session=True,
        )

    def run(self, *command, typed="", timeout=60):
        """Runs a command to its end and returns all that it printed."""
        process = self._start(*command)
        try:
            printed, _ = process.communicate(typed, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
            raise AssertionError(f"{' '.join(command)} did not end within {timeout} s:\n{printed}") from None
        assert "Traceback" not in printed, f"{' '.join(command)} crashed:\n{printed}"
        return printed

    def good(self, *command, says=None, **more):
        """Runs a command that must not fail, and returns what it printed."""
        printed = self.run(*command, **more)
        assert "[ERROR]" not in printed and "Failed" not in printed, f"{' '.join(command)}:\n{printed}"
        assert says is None or says in printed, f"{' '.join(command)} should say {says!r}:\n{printed}"
        return printed

    def json(self, *command):
        """Runs a command that prints JSON, and returns that."""
        printed = self.good(*command)
        begins = min(printed.find(bracket) % (len(printed) + 1) for bracket in "{[")
        return json.loads(printed[begins:])

    def use(self, base):
        """Makes a profile for this base URL the current one."""
        self.good("profile", "add", "local", "--base-url", base)
        self.good("profile", "switch", "local")
        return self

    def talk(self, *command, typed, timeout=60):
        """Runs a command that asks, and returns all that it printed. What is typed are lines, or functions
        that are called, with the process, for a line when it is its turn."""
        process = self._start(*command)
        try:
            for line in typed:
                process.stdin.write((line(process) if callable(line) else line) + "\n")
                process.stdin.flush()
        except BrokenPipeError:
            # It asks no more; what it printed says why.
            process.stdin = None
        printed, _ = process.communicate(timeout=timeout)
        assert "Traceback" not in printed, f"{' '.join(command)} crashed:\n{printed}"
        return printed

    def new_letter(self, address, then=lambda code: code):
        """To be typed: the code in the next letter to this address."""

        def code_of():
            return self.cloud.code(address) if self.cloud.has_mail(address) else ""

        last = code_of()

        def wait(process):
            until(lambda: code_of() != last or process.poll() is not None, f"a new letter to {address}", seconds=30)
            return then(code_of())

        return wait

    def claim_at(self, base):
        """Makes this URL the claiming service of the current profile, as its file must say by hand."""
        (file,) = (self.folder / "profiles").rglob("profiles.json")
        profiles = json.loads(file.read_text())
        profile = profiles.get("custom_profiles", profiles)["local"]
        profile["claim_base_url"] = f"{base}/"
        file.write_text(json.dumps(profiles))
        return self

    def sign_up(self, address, password=PASSWORD):
        """Signs up with the code that arrives by mail."""
        printed = self.talk("signup", address, typed=[password, password, self.new_letter(address)])
        assert "Signup Successful" in printed, printed

    def log_in(self, address, password=PASSWORD):
        """Logs in."""
        self.good("login", "--user_name", address, "--password", password, says="Login successful!")
        return self

    def sign_in_by_browser(self, address, password=PASSWORD):
        """Logs in without a name, so that it opens a browser; the profile says where (docs/sign-in.md)."""
        base, log = self.cloud.base, self.folder / "browser.log"
        path = self.folder / "profiles/profiles/profiles.json"
        profiles = json.loads(path.read_text())
        sign_in = {
            "ui_login_supported": True,
            "login_url": f"{base}/login?port=",
            "external_url": f"{base}/authorize?state=port:",
            "token_url": f"{base}/oauth2/token",
            "redirect_url": "http://localhost/",
            "client_id": "raincloud",
        }
        _find(profiles, "local").update(sign_in)
        path.write_text(json.dumps(profiles))
        self.env |= {
            # With the `&` it goes on while the browser is open, as with a real one.
            "BROWSER": f"{sys.executable} {BROWSER} %s &",
            "SIGN_IN_NAME": address,
            "SIGN_IN_PASSWORD": password,
            "SIGN_IN_LOG": str(log),
        }
        printed = self.run("login")
        told = log.read_text() if log.exists() else ""
        assert "Login successful" in printed and not told, f"{printed}\n{told}"

    def begin_mapping(self, node_id):
        """`test --addnode`, up to where it shows what the node is to be told."""
        return Mapping(self._start("test", "--addnode", node_id))


def _find(tree, name):
    """The entry of this name, wherever the program keeps it."""
    if name in tree:
        return tree[name]
    found = (_find(child, name) for child in tree.values() if isinstance(child, dict))
    return next((entry for entry in found if entry is not None), None)


class Mapping:
    """A running `test --addnode`."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self._reader = threading.Thread(target=lambda: self.lines.extend(process.stdout), daemon=True)
        self._reader.start()
        told = until(self._told, "the CLI prints add-user", seconds=30)
        self.user_id, self.secret = told.split()[1:]

    def _told(self):
        said = [line for line in self.lines if line.strip().startswith("add-user ")]
        assert said or self.process.poll() is None, "".join(self.lines)
        return said[0] if said else None

    def finish(self, timeout=60):
        """Waits for its end and returns what it printed."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the mapping did not end within {timeout} s:\n{''.join(self.lines)}") from None
        finally:
            self._reader.join(5)
            self.process.stdin.close()
            self.process.stdout.close()
        return "".join(self.lines)
