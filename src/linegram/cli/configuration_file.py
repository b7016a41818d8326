"""The configuration file as `linegram init` fills it in: values are added, everything else stays."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from linegram.config import (
    CONFIG_NAME,
    Settings,
    config_path,
    load_settings,
    variable_of,
    write_configuration,
)
from linegram.errors import RefusedError

Values = Mapping[str, str | int]


class ConfigurationFile:
    """One file; made with every setting explained and none set if it is not there yet."""

    def __init__(self, given: Path | None) -> None:
        self.path = (config_path(given) or Path(CONFIG_NAME)).absolute()
        self.is_new = not self.path.exists()
        if self.is_new:
            write_configuration(self.path, {})

    def settings(self) -> Settings:
        """The settings as they are now."""
        return load_settings(self.path)

    def remember(self, values: Values) -> None:
        """Set values, each by its dotted name.

        Raises RefusedError if the environment hides one of them, or the file cannot be changed.
        """
        for name in values:
            if os.environ.get(variable_of(name)):
                raise RefusedError(
                    f"{variable_of(name)} is set in the environment, before {self.path}: change it there."
                )
        try:
            text = with_values(self.path.read_text("utf-8"), values)
            self.path.write_text(text, "utf-8")
        except ValueError:
            raise RefusedError(
                f"{self.path} is laid out in an unusual way: set {', '.join(values)} in it by hand."
            ) from None
        except OSError as error:
            raise RefusedError(f"{self.path} cannot be written: {error.strerror}.") from error


def with_values(text: str, values: Values) -> str:
    """Return a TOML text with these values set; comments and order stay.

    Raises ValueError if the text would then not say exactly this, because it is written in an unusual way.
    """
    wanted = tomllib.loads(text)
    lines = text.splitlines()
    for name, value in values.items():
        table, _, key = name.rpartition(".")
        wanted.setdefault(table, {})[key] = value
        _put(lines, table, f"{key} = {json.dumps(value, ensure_ascii=False)}")
    result = "\n".join(lines) + "\n"
    if tomllib.loads(result) != wanted:
        raise ValueError("the text is not laid out as one value a line")
    return result


def _put(lines: list[str], table: str, assignment: str) -> None:
    """Set one value: in place of its line, of its commented line, or at the top of its table."""
    header = next((at for at, line in enumerate(lines) if _header(line) == table), None)
    if header is None:
        lines += ["", f"[{table}]", assignment]
        return
    following = range(header + 1, len(lines))
    end = next((at for at in following if _header(lines[at]) is not None), len(lines))
    key = re.escape(assignment.partition(" ")[0])
    for start in (r"\s*", r"\s*#\s*"):
        for at in range(header + 1, end):
            if re.match(rf"{start}{key}\s*=", lines[at]):
                lines[at] = assignment
                return
    lines.insert(header + 1, assignment)


def _header(line: str) -> str | None:
    """The name of the table that begins in this line."""
    found = re.fullmatch(r"\s*\[\s*([\w.-]+)\s*\]\s*(#.*)?", line)
    return found[1] if found else None
