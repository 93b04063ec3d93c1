"""The words shoppers read, found in the sources, and the catalogues of their translations.

``python -m tests.i18n.messages --write`` brings */LC_MESSAGES/django.po up to date (what is new comes in empty, what is
gone goes) and compiles the .mo files. No gettext is needed. The admin is in English alone: half of a page in another
language would help nobody.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polib
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("de", "fr", "ar")
PLURALS = {
    "de": "nplurals=2; plural=(n != 1);",
    "fr": "nplurals=2; plural=(n > 1);",
    "ar": (
        "nplurals=6; plural=n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : "
        "n%100>=3 && n%100<=10 ? 3 : n%100>=11 && n%100<=99 ? 4 : 5;"
    ),
}
SINGLE = {"_", "gettext", "gettext_lazy", "gettext_noop"}
PLURAL = {"ngettext", "ngettext_lazy"}


@dataclass(frozen=True, order=True)
class Message:
    text: str
    plural: str = ""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """One set of .po files, and the sources it is made of without the files and folders of certain names."""

    folder: Path
    sources: tuple[str, ...]
    but: set[str]

    def files(self) -> list[Path]:
        found = {path for pattern in self.sources for path in ROOT.glob(pattern)}
        return sorted(path for path in found if not self.but & set(path.relative_to(ROOT).parts[1:]))

    def po(self, language: str) -> Path:
        return self.folder / language / "LC_MESSAGES" / "django.po"

    @functools.cache  # noqa: B019 - two for the whole run
    def messages(self) -> dict[Message, list[str]]:
        """Message -> the files it is in."""
        found: dict[Message, list[str]] = {}
        for path in self.files():
            text = path.read_text(encoding="utf-8")
            inside = in_template(text) if path.suffix == ".html" else in_python(ast.parse(text))
            for message in inside:
                places = found.setdefault(message, [])
                name = str(path.relative_to(ROOT))
                if name not in places:
                    places.append(name)
        return dict(sorted(found.items()))


FOR_STAFF = {
    *("admin", "catalog", "contrib", "management", "migrations", "models", "review", "sandbox", "studio", "testing"),
    *("admission.py", "alerts.py", "apps.py", "checks.py", "condition.py", "insight.py", "ledger.py", "outside.py"),
}
TRYON = Catalogue(ROOT / "tryon" / "locale", ("tryon/templates/tryon/**/*.html", "tryon/**/*.py"), FOR_STAFF)
SHOP = Catalogue(ROOT / "locale", ("templates/**/*.html", "tryon_shop/*.py"), set())
CATALOGUES = (TRYON, SHOP)


def in_python(node: ast.AST) -> Iterator[Message]:
    children: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        if name == "ErrorText":  # the last of its words are the shop's
            children = node.args[:-1]
        elif name in SINGLE and texts:
            yield Message(texts[0])
        elif name in PLURAL and len(texts) >= 2:
            yield Message(texts[0], texts[1])
    for child in children:
        yield from in_python(child)


CALL = re.compile(r"(?<![\w.])(?:n?gettext|_)\((?:[^()\"']|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')*\)")


def in_template(text: str) -> Iterator[Message]:
    """Django turns its tags into calls; what is in between is blanked out."""
    for call in CALL.findall(templatize(text)):
        yield from in_python(ast.parse(re.sub(r"\s*\n\s*", " ", call.replace("u'", "'")), mode="eval"))


def write(catalogue: Catalogue, language: str) -> None:
    path = catalogue.po(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {(e.msgid, e.msgid_plural): e for e in polib.pofile(str(path))} if path.exists() else {}
    made = polib.POFile(wrapwidth=0)
    made.metadata = {
        "Project-Id-Version": "django-tryon",
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": PLURALS[language],
    }
    for message, places in catalogue.messages().items():
        entry = known.get((message.text, message.plural)) or polib.POEntry(msgid=message.text)
        if message.plural and not entry.msgid_plural:
            entry = polib.POEntry(msgid=message.text, msgid_plural=message.plural)
        entry.occurrences = [(place, "") for place in places]
        entry.flags = [flag] if (flag := _format(message.text)) else []
        made.append(entry)
    made.save(str(path))
    made.save_as_mofile(str(path.with_suffix(".mo")))


def _format(text: str) -> str:
    return "python-format" if re.search(r"%\(\w+\)", text) else ""


def placeholders(texts: Iterable[str]) -> set[str]:
    """What is filled in: %(name)s, {name}, %s."""
    return {found for text in texts for found in re.findall(r"%\(\w+\)[sd]|\{\w*\}|%[sd]", text)}


if __name__ == "__main__":
    import django
    from django.conf import settings

    settings.configure(USE_I18N=True)
    django.setup()
    if sys.argv[1:] == ["--write"]:
        for one in CATALOGUES:
            if one.messages():
                for code in LANGUAGES:
                    write(one, code)
    else:
        for one in CATALOGUES:
            for message in one.messages():
                print(message, one.messages()[message])  # noqa: T201
