#!/usr/bin/env python3
"""Packs what a wheel has as an archive for a release: the command, completions, manual pages, licences.

    archive.py WHEEL TARGET OUT

The archive is OUT/stopcheck-VERSION-TARGET.tar.gz, as [package.metadata.binstall] in Cargo.toml expects it. The command
is executed for completions and pages, so it must run on this machine. Files have no owner and no time: the same wheel
gives the same archive.
"""

import gzip
import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

SHELLS = {"bash": "stopcheck.bash", "fish": "stopcheck.fish", "zsh": "_stopcheck"}


def main(wheel, target, out):
    """Writes the archive and prints its path."""
    version = pathlib.Path(wheel).name.split("-")[1]
    folder = f"stopcheck-{version}-{target}"
    files = {}
    with zipfile.ZipFile(wheel) as packed, tempfile.TemporaryDirectory() as scratch:
        command = pathlib.Path(scratch) / "stopcheck"
        for name in packed.namelist():
            path = pathlib.PurePosixPath(name)
            if path.name == "stopcheck" and path.parent.name == "scripts":
                command.write_bytes(packed.read(name))
            elif path.name.startswith("LICENSE-"):
                files[path.name] = packed.read(name)
        command.chmod(0o755)
        files["stopcheck"] = command.read_bytes()
        for shell, name in SHELLS.items():
            files[f"completions/{name}"] = subprocess.check_output([command, "completions", shell])
        pages = pathlib.Path(scratch) / "man1"
        subprocess.check_call([command, "man", "--dir", pages])
        for page in pages.iterdir():
            files[f"man1/{page.name}"] = page.read_bytes()
    pathlib.Path(out).mkdir(parents=True, exist_ok=True)
    archive = pathlib.Path(out) / f"{folder}.tar.gz"
    with archive.open("wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed:
        with tarfile.open(mode="w", fileobj=packed) as tar:
            for name, content in sorted(files.items()):
                entry = tarfile.TarInfo(f"{folder}/{name}")
                entry.size = len(content)
                entry.mode = 0o755 if name == "stopcheck" else 0o644
                tar.addfile(entry, io.BytesIO(content))
    print(archive)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
