"""Validates JUnit and SARIF reports: validate.py FILE.xml FILE.sarif …

Prints each deviation and ends with 1 if there is one. The schemas are beside this file.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import jsonschema
from lxml import etree

SCHEMAS = Path(__file__).parent / "schemas"

# The limits of https://docs.gitlab.com/ci/testing/unit_test_reports.
GITLAB_BYTES = 30_000_000
GITLAB_NEEDS = ("classname", "name", "time")


def junit(path):
    schema = etree.XMLSchema(etree.parse(SCHEMAS / "junit-10.xsd"))
    document = etree.parse(path)
    if not schema.validate(document):
        for error in schema.error_log:
            yield f"line {error.line}: {error.message}"
    if path.stat().st_size >= GITLAB_BYTES:
        yield f"{path.stat().st_size} bytes, more than GitLab reads"
    cases = document.findall(".//testcase")
    if not cases:
        yield "no test"
    for case in cases:
        for name in GITLAB_NEEDS:
            if not case.get(name):
                yield f"line {case.sourceline}: a test without {name}"
    names = Counter((case.get("classname"), case.get("name")) for case in cases)
    for name, count in names.items():
        if count > 1:
            yield f"{count} tests with the name {name}"


def sarif(path):
    schema = json.loads((SCHEMAS / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
    report = json.loads(path.read_text(encoding="utf-8"))
    for error in jsonschema.Draft7Validator(schema).iter_errors(report):
        yield f"{error.json_path}: {error.message[:300]}"
    for run in report["runs"]:
        rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        if not run["results"]:
            yield "no result"
        for result in run["results"]:
            if rules[result["ruleIndex"]] != result["ruleId"]:
                yield f"the rule of {result['ruleId']} is another one"


KINDS = {".xml": junit, ".sarif": sarif}


def main(paths):
    bad = False
    for path in map(Path, paths):
        complaints = list(KINDS[path.suffix](path))
        for complaint in complaints[:20]:
            print(f"{path.name}: {complaint}")
        if len(complaints) > 20:
            print(f"{path.name}: and {len(complaints) - 20} more")
        if not complaints:
            print(f"{path.name}: valid")
        bad = bad or bool(complaints)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
