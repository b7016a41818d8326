"""A setting that nothing reads is a lie of the configuration file: docs/limits.md must own up to it."""

import ast
import re

from linegram.config import Section, Settings
from tests.docs.pages import ROOT


def read_attributes() -> set[str]:
    return {
        node.attr
        for path in (ROOT / "src" / "linegram").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


def setting_names() -> set[str]:
    names: set[str] = set()
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            names |= {f"{name}.{inner}" for inner in section.model_fields}
        else:
            names.add(name)
    return names


def test_every_setting_is_read_or_confessed() -> None:
    used = read_attributes()
    unread = {name for name in setting_names() if name.rpartition(".")[2] not in used}
    limits = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    confession = re.search(r"\*\*Settings that are read and not obeyed\*\*(.*?)\n\n", limits, re.DOTALL)
    confessed = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", confession[1])) if confession else set()
    assert unread == confessed
