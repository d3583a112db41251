"""A certificate authority made with openssl, for one test run."""

import datetime
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


def openssl(*words, stdin: str | None = None) -> str:
    done = subprocess.run(["openssl", *map(str, words)], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"openssl {words[0]}: {done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    key: Path


class Authority:
    def __init__(self, directory: Path, name: str = "Test CA"):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.certificate, self.key = directory / "ca.pem", directory / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", self.key, "-out", self.certificate,
                "-days", 30, "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, *names: str, client: bool = False, days: int = 30) -> Certificate:
        """For a server of these names, or for the client of the first."""
        stem = self.directory / names[0].replace("*", "any")
        certificate, key, request, extensions = (stem.with_name(stem.name + suffix) for suffix in (".pem", ".key", ".csr", ".ext"))
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", key, "-out", request, "-subj", f"/CN={names[0]}")
        use = "clientAuth" if client else "serverAuth\nsubjectAltName=" + ",".join(f"DNS:{name}" for name in names)
        extensions.write_text(f"basicConstraints=CA:FALSE\nextendedKeyUsage={use}\n")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", days, "-out", certificate,
                "-extfile", extensions)
        return Certificate(certificate, key)

    def ocsp_response(self, certificate: Certificate) -> Path:
        """The authority's word, in DER, that the certificate is good."""
        serial = openssl("x509", "-in", certificate.certificate, "-noout", "-serial").strip().removeprefix("serial=")
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=30)
        index, request, response = (self.directory / name for name in ("index.txt", "ocsp.req", "ocsp.der"))
        index.write_text(f"V\t{end:%y%m%d%H%M%SZ}\t\t{serial}\tunknown\t/CN=x\n")
        (self.directory / "index.txt.attr").write_text("unique_subject = no\n")
        openssl("ocsp", "-issuer", self.certificate, "-cert", certificate.certificate, "-no_nonce", "-reqout", request)
        openssl("ocsp", "-index", index, "-CA", self.certificate, "-rsigner", self.certificate, "-rkey", self.key, "-reqin", request,
                "-respout", response, "-ndays", 7)
        return response

    def context(self, own: Certificate | None = None) -> ssl.SSLContext:
        """A client that trusts this authority, and shows a certificate if it has one."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        if own is not None:
            context.load_cert_chain(own.certificate, own.key)
        return context
