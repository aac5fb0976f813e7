"""A real S3-compatible store for tests, started by `deploy/s3/start.sh` as a developer would."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from awscrt.auth import AwsCredentialsProvider

from bench.program import ROOT, free_port
from services.runtime.blobs_s3 import Bucket, S3Blobs
from services.runtime.clock import SystemClock

START = ROOT / "deploy/s3/start.sh"
WITHIN_S = 20.0
"""Bound of calls where a test is not about the store being away: machines may be busy."""
KEY_ID, SECRET = "tests", "the-secret-of-the-tests"
ACCESS = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}


class S3Server:
    """One store over one folder; started again it is found at the same address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[str] | None = None

    @property
    def endpoint(self) -> str:
        """Where it is, as the setting has it."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; returns when it listens."""
        command: list[str | Path] = [START, self.folder, "--port", str(self.port)]
        self._process = subprocess.Popen(
            command, env=os.environ | ACCESS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        output = self._process.stdout
        assert output is not None
        line = output.readline()
        assert line.startswith("S3 listens on"), f"the store did not start: {line}"

    def bucket(self, name: str) -> Path:
        """Make a bucket; the folder that its objects lie in."""
        folder = self.folder / "buckets" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def blobs(self, bucket: str, within_s: float = WITHIN_S, secret: str = SECRET) -> S3Blobs:
        """A client of a bucket, as a process has it."""
        credentials = AwsCredentialsProvider.new_static(KEY_ID, secret)
        where = Bucket(self.endpoint, bucket, "eu-central-1")
        return S3Blobs(where, SystemClock(), within_s, credentials)

    def signal(self, number: signal.Signals) -> None:
        """Stop or continue it."""
        os.kill(int((self.folder / "s3.pid").read_text()), number)

    def kill(self) -> None:
        """kill -9; what it keeps stays in its folder."""
        process, self._process = self._process, None
        if process is not None:
            self.signal(signal.SIGKILL)
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()
