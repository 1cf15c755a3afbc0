"""What the program itself says of the manifests' command lines and configuration."""

import pathlib
import subprocess
import tempfile
import tomllib

USAGE, CONFIG, DATABASE, NOT_FROZEN = 2, 3, 4, 15


class Program:
    def __init__(self, binary):
        self.binary = str(pathlib.Path(binary).resolve(strict=True))
        self.known = {}

    def ends(self, arguments):
        """The exit code, or None for one that stays."""
        process = subprocess.Popen(
            [self.binary, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            said, _ = process.communicate(timeout=3)
            return process.returncode, said.decode()
        except subprocess.TimeoutExpired:
            process.terminate()
            process.communicate(timeout=10)
            return None, ""

    def understands(self, arguments):
        """Faults of a command line, from what comes of it where there is neither a configuration nor a freeze."""
        if tuple(arguments) not in self.known:
            self.known[tuple(arguments)] = list(self.tried(arguments))
        return self.known[tuple(arguments)]

    def tried(self, arguments):
        with tempfile.TemporaryDirectory() as nowhere:
            takes = {"freeze": ["--config-dir", nowhere, "--run-dir", nowhere], "idle": []}
            code, said = self.ends([*arguments, *takes.get(arguments[0], ["--run-dir", nowhere])])
        if arguments[0] in ("frozen", "thaw") and code != NOT_FROZEN or code == USAGE:
            yield f"{' '.join(arguments)} ends with {code}: {said}"

    def accepts(self, text):
        """Faults of a target's file: with nobody at the database's address, what is left to fail is the connection."""
        try:
            database = tomllib.loads(text)["database"]
        except tomllib.TOMLDecodeError as error:
            yield f"main.toml: {error}"
            return
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            (directory / "main.cnf").write_text("[client]\nuser = mariasnap\npassword = x\n")
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=x", "-keyout", "/dev/null",
                 "-out", directory / "ca.crt"], check=True, capture_output=True)
            for key, value in [("host", "127.0.0.1"), ("tls_ca", f"{directory}/ca.crt"),
                               ("defaults_file", f"{directory}/main.cnf")]:
                if key in database:
                    text = text.replace(f'"{database[key]}"', f'"{value}"')
            text = text.replace(f"port = {database['port']}", "port = 1")
            (directory / "targets").mkdir()
            (directory / "targets/main.toml").write_text(text)
            code, said = self.ends(["freeze", "main", "--config-dir", str(directory), "--run-dir", str(directory)])
        if code != DATABASE:
            yield f"main.toml: freeze ends with {code}: {said}"
