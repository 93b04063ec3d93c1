"""The API's description: made anew, and compared with one that was released.

python -m tests.api.description --write       tryon/api/openapi.yaml, after a change of the API
python -m tests.api.description --release     keeps it in docs/openapi/ under the version that is being released

A released copy is what apps were built on. ``breaking`` says what of it would no longer hold.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tryon import __version__

PROJECT = Path(__file__).resolve().parents[2]
COMMITTED = PROJECT / "tryon" / "api" / "openapi.yaml"
RELEASED = PROJECT / "docs" / "openapi"

Node = Mapping[str, Any]


def generate(*, validate: bool = True) -> str:
    """As ``manage.py spectacular`` makes it without a warning; judging whether it is valid takes most of the time."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "openapi.yaml"
        command = [sys.executable, "manage.py", "spectacular", "--urlconf", "tryon.api.urls", "--file", str(file)]
        done = subprocess.run(
            [*command, "--fail-on-warn", *(["--validate"] if validate else [])],
            cwd=PROJECT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.openapi_settings"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-3000:])
        return file.read_text(encoding="utf-8")


def last_released() -> Path:
    """What apps may rely on. Without it nothing would be guarded, so that is an error."""
    copies = sorted(RELEASED.glob("*.yaml"), key=lambda path: [int(part) for part in path.stem.split(".")])
    if not copies:
        raise FileNotFoundError(
            f"no released description in {RELEASED}; run: python -m tests.api.description --release"
        )
    return copies[-1]


def parsed(text: str | bytes) -> Any:
    """Read by libyaml where PyYAML has it: the same document in a tenth of the time."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe


def load(path: Path) -> Any:
    return parsed(path.read_text(encoding="utf-8"))


# ---------------------------------------------------------------- what would break an app


def breaking(old: Node, new: Node) -> list[str]:
    """Everything that an app built on ``old`` would trip over."""
    return list(_operations(old, new))


def _operations(old: Node, new: Node) -> Iterator[str]:
    for path, methods in old["paths"].items():
        for method, operation in methods.items():
            place = f"{method.upper()} {path}"
            now = new["paths"].get(path, {}).get(method)
            if now is None:
                yield f"{place}: gone"
                continue
            if operation["operationId"] != now["operationId"]:
                yield f"{place}: is called {now['operationId']} now"
            yield from _security(place, operation, now)
            yield from _parameters(place, operation, now, old, new)
            yield from _bodies(place, operation, now, old, new)
            yield from _responses(place, operation, now, old, new)


def _security(place: str, old: Node, new: Node) -> Iterator[str]:
    allowed = [sorted(one) for one in new["security"]]
    for way in old["security"]:
        if sorted(way) not in allowed:
            yield f"{place}: no longer open to {'/'.join(way) or 'anybody'}"


def _parameters(place: str, old: Node, new: Node, before: Node, after: Node) -> Iterator[str]:
    known = {(one["in"], one["name"]): one for one in old["parameters"]}
    now = {(one["in"], one["name"]): one for one in new["parameters"]}
    for key, one in known.items():
        if key not in now:
            yield f"{place}: the parameter {key[1]} is gone"
        else:
            yield from _narrowed(f"{place}: {key[1]}", one["schema"], now[key]["schema"], before, after)
    for key, one in now.items():
        if one.get("required") and not known.get(key, {}).get("required"):
            yield f"{place}: the parameter {key[1]} is required"


def _bodies(place: str, old: Node, new: Node, before: Node, after: Node) -> Iterator[str]:
    body, now = old.get("requestBody"), new.get("requestBody")
    if now and now.get("required") and not (body and body.get("required")):
        yield f"{place}: a body is required"
    if body is None:
        return
    for mime, content in body["content"].items():
        if now is None or mime not in now["content"]:
            yield f"{place}: {mime} is no longer taken"
        else:
            yield from _narrowed(f"{place} {mime}", content["schema"], now["content"][mime]["schema"], before, after)


def _responses(place: str, old: Node, new: Node, before: Node, after: Node) -> Iterator[str]:
    for status, response in old["responses"].items():
        now = new["responses"].get(status)
        if now is None:
            if status < "400":
                yield f"{place}: {status} is no longer answered"
            continue
        for name in response.get("headers", {}):
            if name not in now.get("headers", {}):
                yield f"{place}: {status} has no header {name} any more"
        for mime, content in response.get("content", {}).items():
            if mime not in now.get("content", {}):
                yield f"{place}: {status} is no longer {mime}"
            else:
                told = now["content"][mime]["schema"]
                yield from _lost(f"{place} {status}", content["schema"], told, before, after, set())
    for status, response in new["responses"].items():
        if status < "300" and status not in old["responses"]:
            yield f"{place}: also answers {status}: {response['description']}"


def _resolved(schema: Node, document: Node) -> Node:
    """Without references; what may be null has ``nullable``."""
    if "$ref" in schema:
        found: Node = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    if len(schema.get("allOf", [])) == 1:
        return {**_resolved(schema["allOf"][0], document), **_but(schema, "allOf")}
    some = [one for one in schema.get("oneOf", []) if one.get("type") != "null"]
    if len(some) == 1:
        return {**_resolved(some[0], document), **_but(schema, "oneOf"), "nullable": True}
    kinds = schema.get("type")
    if isinstance(kinds, list) and "null" in kinds:
        left = [kind for kind in kinds if kind != "null"]
        return {**schema, "type": left[0] if len(left) == 1 else left, "nullable": True}
    return schema


def _but(schema: Node, name: str) -> Node:
    return {key: value for key, value in schema.items() if key != name}


def _narrowed(place: str, old: Node, new: Node, before: Node, after: Node) -> Iterator[str]:
    """What was taken in a request and is refused now."""
    old, new = _resolved(old, before), _resolved(new, after)
    if old.get("type") != new.get("type"):
        yield f"{place}: was {old.get('type')}, is {new.get('type')}"
        return
    if gone := [value for value in old.get("enum", []) if value not in new.get("enum", [value])]:
        yield f"{place}: no longer takes {', '.join(map(str, gone))}"
    if "enum" in new and "enum" not in old:
        yield f"{place}: takes only certain values"
    for name, worse in (("maxLength", min), ("maximum", min), ("maxItems", min), ("minLength", max), ("minimum", max)):
        if name in new and (name not in old or (new[name] != old[name] and worse(new[name], old[name]) == new[name])):
            yield f"{place}: {name} is {new[name]}"
    if new.get("pattern") and new.get("pattern") != old.get("pattern"):
        yield f"{place}: another pattern"
    for name in new.get("required", []):
        if name not in old.get("required", []):
            yield f"{place}.{name}: is required"
    for name, field in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{place}.{name}: is gone"
        else:
            yield from _narrowed(f"{place}.{name}", field, new["properties"][name], before, after)
    if "items" in old and "items" in new:
        yield from _narrowed(f"{place}[]", old["items"], new["items"], before, after)


def _lost(place: str, old: Node, new: Node, before: Node, after: Node, seen: set[str]) -> Iterator[str]:
    """What was in an answer and can't be relied on now."""
    if name := old.get("$ref"):
        if name in seen:
            return
        seen = seen | {name}
    old, new = _resolved(old, before), _resolved(new, after)
    if (old.get("type"), old.get("format")) != (new.get("type"), new.get("format")):
        yield f"{place}: was {old.get('type')} {old.get('format', '')}, is {new.get('type')} {new.get('format', '')}"
        return
    if new.get("nullable") and not old.get("nullable"):
        yield f"{place}: may be null"
    if "enum" in old and (more := [value for value in new.get("enum", ["anything"]) if value not in old["enum"]]):
        yield f"{place}: may be {', '.join(map(str, more))}"
    for name, field in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{place}.{name}: is gone"
            continue
        if name in old.get("required", []) and name not in new.get("required", []):
            yield f"{place}.{name}: may be missing"
        yield from _lost(f"{place}.{name}", field, new["properties"][name], before, after, seen)
    if "items" in old and "items" in new:
        yield from _lost(f"{place}[]", old["items"], new["items"], before, after, seen)


def main(arguments: list[str]) -> int:
    if "--write" in arguments:
        COMMITTED.write_text(generate(), encoding="utf-8")
    elif "--release" in arguments:
        RELEASED.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(COMMITTED, RELEASED / f"{__version__}.yaml")
    else:
        sys.stdout.write(__doc__ or "")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
