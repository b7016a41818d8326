"""Texts by name, in the languages of `texts/*.ftl` (Project Fluent)."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from fluent.runtime import FluentBundle, FluentResource

DEFAULT_LANGUAGE = "en"


class Texts:
    """The texts of one language."""

    def __init__(self, bundle: FluentBundle) -> None:
        self._bundle = bundle

    def say(self, name: str, values: Mapping[str, str | int] | None = None) -> str:
        """Return the text of this name with its values filled in. Raises KeyError for an unknown name."""
        pattern = self._bundle.get_message(name).value
        if pattern is None:
            raise KeyError(name)
        text, errors = self._bundle.format_pattern(pattern, dict(values or {}))
        if errors:
            raise KeyError(f"text {name!r}: {errors[0]}")
        return str(text)


@cache
def texts(language: str = DEFAULT_LANGUAGE) -> Texts:
    """Return the texts of a language; those of English when there are none for it."""
    folder = files("linegram.bot") / "texts"
    source = folder / f"{language}.ftl"
    if not source.is_file():
        return texts(DEFAULT_LANGUAGE)
    bundle = FluentBundle([language], use_isolating=False)
    bundle.add_resource(FluentResource(source.read_text(encoding="utf-8")))
    return Texts(bundle)
