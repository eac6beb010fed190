#!/usr/bin/env python3
"""The steps of the action: installs stopcheck, runs it, and hands its results to the workflow.

It works outside of GitHub, too: what the runner expects in files is then left out, and outputs are printed.

    stopcheck_action.py install --version dist/stopcheck-0.1.0-….whl
    stopcheck_action.py run --command 'moto_server -H 127.0.0.1 -p {port}' --known moto@5.2.5

An option that is not given is taken from the variable INPUT_NAME, as the runner passes inputs. Only Python's standard
library is used.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

# The reports to write, by kind: the file below the folder of reports, or None if the report is not a file.
REPORTS = {
    "json": "report.json",
    "junit": "report.xml",
    "html": "report.html",
    "markdown": "report.md",
    "sarif": "report.sarif",
    "github": None,
}

# The step summary may have a mebibyte; a report has at most 60 KB.
SUMMARY_LIMIT = 64 * 1024

USAGE_ERROR = 2


def main():
    """Runs one step; its exit code is that of the step."""
    parser = argparse.ArgumentParser(description="The steps of the action stopcheck.")
    parser.add_argument("step", choices=["install", "run"])
    parser.add_argument("--version", help="a version, or the path of a wheel or a binary")
    parser.add_argument("--endpoint-url", help="the endpoint to judge")
    parser.add_argument("--command", help="or a command that serves it on the port {port}")
    parser.add_argument("--known", help="files of known deviations, separated by spaces")
    parser.add_argument("--args", help="more arguments of `stopcheck run`")
    parser.add_argument("--reports", help="the folder of the reports [default: stopcheck-reports]")
    given = parser.parse_args()
    inputs = {name: value if value is not None else input_of(name) for name, value in vars(given).items()}
    return install(inputs) if given.step == "install" else run(inputs)


def input_of(name):
    """An input of the action, from the environment."""
    return os.environ.get(f"INPUT_{name.upper()}", "").strip()


def install(inputs):
    """Makes the command available to later steps, without a change to the Python of the machine."""
    version = inputs["version"]
    folder = Path(os.environ.get("RUNNER_TEMP") or ".").resolve() / "stopcheck-action"
    shutil.rmtree(folder, ignore_errors=True)
    path = Path(version) if version else None
    if path is not None and path.is_file() and path.suffix != ".whl":
        folder.mkdir(parents=True)
        installed = folder / ("stopcheck.exe" if path.suffix == ".exe" else "stopcheck")
        shutil.copy(path, installed)
        installed.chmod(0o755)
        bin_folder = folder
    else:
        if path is not None and path.is_file():
            package = ["--no-index", str(path)]
        elif version.endswith(".whl") or os.sep in version:
            return fail(f"there is no file {version}")
        else:
            package = [f"stopcheck=={version}" if version else "stopcheck"]
        venv.create(folder, with_pip=True)
        scripts = folder / ("Scripts" if os.name == "nt" else "bin")
        pip = [str(scripts / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        if subprocess.run([*pip, *package], check=False).returncode != 0:
            return fail(f"could not install {package[-1]}; the input `version` takes a path, too")
        # Only the command goes into the path, and not this environment's Python.
        bin_folder = folder / "only-stopcheck"
        bin_folder.mkdir()
        for found in scripts.glob("stopcheck*"):
            shutil.copy(found, bin_folder / found.name)
    append_to("GITHUB_PATH", f"{bin_folder}\n")
    command = shutil.which("stopcheck", path=str(bin_folder))
    if command is None:
        return fail(f"{version or 'the package'} does not have the command stopcheck")
    if subprocess.run([command, "--version"], check=False).returncode != 0:
        return fail(f"{version or 'the package'} does not run on this machine")
    if not os.environ.get("GITHUB_PATH"):
        print(f"it is in {bin_folder}")
    return 0


def run(inputs):
    """Runs stopcheck with all reports, and reports outputs and the summary."""
    if bool(inputs["endpoint_url"]) == bool(inputs["command"]):
        return fail("either `endpoint-url` or `command` is needed, and not both")
    folder = Path(inputs["reports"] or "stopcheck-reports")
    folder.mkdir(parents=True, exist_ok=True)
    files = {kind: folder / name for kind, name in REPORTS.items() if name is not None}
    journal = folder / "run.ndjson"
    for file in [*files.values(), journal]:
        # What an earlier run has left must not be taken for results of this one.
        file.unlink(missing_ok=True)
    command = ["stopcheck", "run", "--journal", str(journal)]
    for kind in REPORTS:
        command += ["--report", f"{kind}={files[kind]}" if kind in files else kind]
    for known in shlex.split(inputs["known"]):
        command += ["--known", known]
    command += shlex.split(inputs["args"])
    if inputs["endpoint_url"]:
        command += ["--endpoint-url", inputs["endpoint_url"]]
    else:
        command += ["--server-log", str(folder / "server.log"), "--", *shlex.split(inputs["command"])]
    print("+", shlex.join(command), flush=True)
    try:
        code = subprocess.run(command, check=False).returncode
    except FileNotFoundError:
        return fail("there is no command stopcheck; run the step `install` first")
    summary = summary_of(files["json"])
    outputs = {"exit-code": code, "reports": folder}
    findings = (summary or {}).get("findings", {})
    for verdict in ["fail", "warn", "inconclusive", "known"]:
        outputs[f"findings-{verdict}"] = findings.get(verdict, 0)
    for kind, file in {**files, "journal": journal}.items():
        outputs[f"report-{kind}"] = file if file.is_file() else ""
    for name, value in outputs.items():
        report_output(name, value)
    append_to("GITHUB_STEP_SUMMARY", step_summary(code, summary, files.get("markdown")))
    return code


def summary_of(report):
    """The summary of the JSON report; None if the run could not begin."""
    try:
        return json.loads(report.read_text(encoding="utf-8"))["summary"]
    except (OSError, ValueError, KeyError):
        return None


def step_summary(code, summary, markdown):
    """The text for the page of the workflow run: the Markdown report, or the counts where there is none."""
    if markdown is not None and markdown.is_file():
        with markdown.open(encoding="utf-8") as file:
            return file.read(SUMMARY_LIMIT) + "\n"
    lines = ["## stopcheck", "", f"Exit code {code}."]
    if summary is not None:
        lines += ["", "| | " + " | ".join(summary["findings"]) + " |"]
        lines += ["|---|" + "---:|" * len(summary["findings"])]
        for part in ["findings", "cases"]:
            counts = [str(summary[part].get(verdict, 0)) for verdict in summary["findings"]]
            lines += [f"| {part} | " + " | ".join(counts) + " |"]
    return "\n".join(lines) + "\n"


def report_output(name, value):
    """Sets an output of the step; prints it outside of GitHub."""
    # A line break would begin another output.
    line = f"{name}={value}".replace("\r", " ").replace("\n", " ")
    if not append_to("GITHUB_OUTPUT", line + "\n"):
        print(line)


def append_to(variable, text):
    """Appends to the file that a variable of the runner names; False if it names none."""
    path = os.environ.get(variable)
    if not path:
        return False
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)
    return True


def fail(why):
    """Reports why a step cannot be carried out."""
    prefix = "::error title=stopcheck::" if os.environ.get("GITHUB_ACTIONS") else "error: "
    print(prefix + why, file=sys.stdout if os.environ.get("GITHUB_ACTIONS") else sys.stderr)
    return USAGE_ERROR


if __name__ == "__main__":
    sys.exit(main())
