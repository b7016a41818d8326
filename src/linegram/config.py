"""The settings of a Linegram service: one TOML file, overridden by the environment.

Every setting has a default, a line of explanation here and a row in
docs/settings.md. May know nothing of ours but the errors.
"""

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from linegram.errors import RefusedError

CONFIG_NAME: Final = "linegram.toml"
CONFIG_VARIABLE: Final = "LINEGRAM_CONFIG"
ENVIRONMENT_PREFIX: Final = "LINEGRAM_"


_VERSIONS: Final = r"^ *\d+\.\d+\.\d+ *(, *\d+\.\d+\.\d+ *)*$"
_DNS_SERVERS: Final = r"^$|^ *[0-9A-Fa-f.:\[\]]+ *(, *[0-9A-Fa-f.:\[\]]+ *)*$"
_NETWORKS: Final = r"^$|^ *[0-9A-Fa-f.:/]+ *(, *[0-9A-Fa-f.:/]+ *)*$"


def _without_port(place: str) -> str:
    """The address of `address`, `address:port` or `[address]:port`."""
    if place.startswith("["):
        return place[1:].partition("]")[0]
    return place.partition(":")[0] if place.count(":") == 1 else place


def _listed(text: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


class Section(BaseModel):
    """A table of the configuration file; a name that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class TelegramSettings(Section):
    """How Linegram reaches Telegram: its bot and its calling account."""

    api_id: int = Field(default=0, ge=0)
    """Number of your application, from https://my.telegram.org."""
    api_hash: SecretStr = SecretStr("")
    """Secret that belongs to api_id."""
    bot_token: SecretStr = SecretStr("")
    """Token of the bot, from @BotFather."""
    phone: str = ""
    """Telephone number of the calling account, in international form."""
    bot_api_url: str = "https://api.telegram.org"
    """Address of the Bot API; change it for a Bot API server of your own."""
    server_host: str = ""
    """Address of the MTProto server; empty means Telegram's own servers."""
    server_port: int = Field(default=443, ge=1, le=65535)
    """Port of the MTProto server."""
    server_dc_id: int = Field(default=2, ge=1, le=1000)
    """Number of the data centre that the MTProto server plays."""
    public_key_file: Path | None = None
    """PEM file with the RSA public key of the MTProto server; empty means Telegram's own keys."""
    call_versions: str = Field(default="13.0.0, 12.0.0, 9.0.0, 8.0.0", pattern=_VERSIONS)
    """Versions of Telegram's call protocol that we offer, best first; the voice engines speak these four."""

    @property
    def offered_versions(self) -> tuple[str, ...]:
        """`call_versions` one by one."""
        return tuple(version.strip() for version in self.call_versions.split(","))


class StorageSettings(Section):
    """Where accounts, calls and secrets are kept."""

    url: SecretStr = SecretStr("")
    """SQLAlchemy address of the database; empty means linegram.db (SQLite) in data_dir."""
    key_file: Path = Path("linegram.key")
    """File with the key that encrypts passwords and sessions; the setting `key` takes its place."""


class SipSettings(Section):
    """The sockets that speak SIP with the PBX."""

    bind_ip: str = "0.0.0.0"
    """Local address to listen on."""
    port: int = Field(default=5060, ge=0, le=65535)
    """UDP and TCP port for all accounts; 0 takes any free port."""
    has_tcp: bool = True
    """Whether to listen on TCP at all."""
    public_ip: str = ""
    """Address that the PBX sees, when a NAT hides ours; empty means: learn it from answers."""
    bind_ip6: str = ""
    """Local IPv6 address to listen on as well, `::` for all; empty means no IPv6."""
    dns_servers: str = Field(default="", pattern=_DNS_SERVERS)
    """Name servers that find PBXs: address or address:port, between commas; empty means the system's."""
    trusted: str = Field(default="", pattern=_NETWORKS)
    """Addresses and networks (203.0.113.0/24) from which every account takes calls, besides its PBX."""

    @model_validator(mode="after")
    def _has_addresses(self) -> "SipSettings":
        for server in self.dns_server_list:
            ip_address(_without_port(server))
        for network in self.trusted_list:
            ip_network(network, strict=False)
        return self

    @property
    def dns_server_list(self) -> tuple[str, ...]:
        """`dns_servers` one by one."""
        return _listed(self.dns_servers)

    @property
    def trusted_list(self) -> tuple[str, ...]:
        """`trusted` one by one."""
        return _listed(self.trusted)


class RtpSettings(Section):
    """The ports that carry sound between Linegram and the PBX."""

    bind_ip: str = "0.0.0.0"
    """Local address for sound."""
    advertised_ip: str = ""
    """Address written into SDP; empty means sip.public_ip, or else the address of the outgoing interface."""
    port_min: int = Field(default=16384, ge=1024, le=65534)
    """First UDP port for sound."""
    port_max: int = Field(default=18383, ge=1025, le=65535)
    """Last UDP port for sound; each call takes two ports, and a freed pair rests 30 seconds."""
    no_media_timeout_s: float = Field(default=15.0, ge=1, le=3600)
    """A call that receives no sound from the PBX for this long is ended."""

    @model_validator(mode="after")
    def _has_ports(self) -> "RtpSettings":
        if self.port_max <= self.port_min:
            raise ValueError("port_max must be greater than port_min")
        return self


class MediaSettings(Section):
    """The processes that move sound."""

    engine: Literal["auto", "own", "ntgcalls"] = "auto"
    """What joins Telegram's voice calls: `own`, `ntgcalls`, or `auto`: own, and ntgcalls where that fails."""
    calls_per_host: int = Field(default=40, ge=1, le=200)
    """Calls in one media host of our own engine: a crash of it costs these calls and no others."""
    most_hosts: int = Field(default=0, ge=0, le=64)
    """Media hosts of our own engine at the most, 0: one for each core; beyond that calls are refused."""
    ntgcalls_calls_per_host: int = Field(default=8, ge=1, le=40)
    """Calls in one media host of ntgcalls, which can crash; 1 if one call must never cost another."""
    ntgcalls_most_hosts: int = Field(default=8, ge=1, le=64)
    """Media hosts of ntgcalls at the most."""
    most_late_ms: float = Field(default=40, ge=1, le=1000)
    """A media host of whose ticks more than one in 100 comes later than this takes no more calls."""
    most_cpu_percent: float = Field(default=85, ge=1, le=1000)
    """A media host that uses more than this of one core takes no more calls."""
    spare_hosts: int = Field(default=1, ge=0, le=16)
    """Media hosts that are kept started and empty, so that a call need not wait for one."""


_Cadence = Annotated[
    str, StringConstraints(pattern=r"^\d{1,4}(\+\d{1,4})*/[1-9]\d{0,5}(,\d{1,4}(\+\d{1,4})*/[1-9]\d{0,5})*$")
]


class ToneSettings(Section):
    """What an employee hears besides people: `Hz/ms,Hz/ms`, repeated; 0 is silence, `+` joins two tones."""

    ring_back: _Cadence = "425/1000,0/4000"
    """The dialled party rings."""
    busy: _Cadence = "425/400,0/400"
    """The dialled party is busy or declined."""
    congestion: _Cadence = "425/200,0/200"
    """The call failed for another reason."""
    waiting: _Cadence = "425/200,0/200,425/200,0/9400"
    """Another call waits."""


class CallSettings(Section):
    """How long things may take in a call."""

    direct_window_s: int = Field(default=60, ge=5, le=600)
    """An employee who does not use callback has this long to press the phone icon after texting a number."""
    card_wait_ms: int = Field(default=700, ge=0, le=5000)
    """An incoming call waits this long for its card before the Telegram call starts without it."""
    ring_employee_s: int = Field(default=45, ge=5, le=90)
    """Time for which the employee's Telegram rings."""
    ring_pbx_s: int = Field(default=120, ge=5, le=600)
    """Time for which a dialled party at the PBX rings."""


class LogSettings(Section):
    """What is written to the log."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important kind of line that is written."""
    format: Literal["console", "json"] = "console"
    """`console` for people, `json` for machines."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    data_dir: Path = Path()
    """Folder for the database and the key; relative paths start at the folder of the configuration file."""
    key: SecretStr = SecretStr("")
    """Encryption key in place of storage.key_file; best set as LINEGRAM_KEY, never in the file."""
    telegram: TelegramSettings = TelegramSettings()
    storage: StorageSettings = StorageSettings()
    sip: SipSettings = SipSettings()
    rtp: RtpSettings = RtpSettings()
    media: MediaSettings = MediaSettings()
    tones: ToneSettings = ToneSettings()
    calls: CallSettings = CallSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(  # noqa: PLR0917 - the signature is pydantic's
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose content arrives as arguments."""
        return env_settings, init_settings

    @property
    def database_url(self) -> str:
        """Address of the database, the default filled in."""
        return self.storage.url.get_secret_value() or f"sqlite+aiosqlite:///{self.data_dir / 'linegram.db'}"

    @property
    def key_path(self) -> Path:
        """Where the key file is."""
        return self.data_dir / self.storage.key_file

    def missing(self) -> tuple[str, ...]:
        """Names of the settings without which the service cannot start."""
        needed = {
            "telegram.api_id": self.telegram.api_id,
            "telegram.api_hash": self.telegram.api_hash.get_secret_value(),
            "telegram.bot_token": self.telegram.bot_token.get_secret_value(),
            "telegram.phone": self.telegram.phone,
        }
        return tuple(name for name, value in needed.items() if not value)


def config_path(given: Path | None = None) -> Path | None:
    """The configuration file to read: the given one, LINEGRAM_CONFIG, or linegram.toml if it is here."""
    if given is not None:
        return given
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    here = Path(CONFIG_NAME)
    return here if here.exists() else None


def load_settings(given: Path | None = None) -> Settings:
    """Read the settings from file and environment.

    Raises RefusedError with one sentence that names the file and every wrong setting.
    """
    path = config_path(given)
    content = {} if path is None else _read(path)
    try:
        settings = Settings(**content)
    except ValidationError as error:
        raise RefusedError(f"Wrong settings in {path or 'the environment'}: {_sentence(error)}.") from None
    folder = Path.cwd() if path is None else path.absolute().parent
    return _placed(settings, folder)


def each_setting() -> Iterator[tuple[str, FieldInfo]]:
    """Every setting with its dotted name, in the order of the configuration file."""
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            for inner, inner_field in field.annotation.model_fields.items():
                yield f"{name}.{inner}", inner_field
        else:
            yield name, field


def variable_of(name: str) -> str:
    """The environment variable that overrides a setting."""
    return ENVIRONMENT_PREFIX + name.replace(".", "_").upper()


def configuration_text(values: Mapping[str, str | int]) -> str:
    """Text of a configuration file that explains every setting; those not in `values` stay comments."""
    blocks: list[str] = []
    section = ""
    for name, field in each_setting():
        table, _, key = name.rpartition(".")
        if table != section:
            section = table
            about = Settings.model_fields[table].annotation
            blocks.append(f"# {about.__doc__ or ''}\n[{table}]")
        value = values.get(name, _plain(field.default))
        mark = "" if name in values else "# "
        blocks.append(f"# {field.description}\n{mark}{key} = {json.dumps(value)}")
    return "\n\n".join(blocks) + "\n"


def write_configuration(path: Path, values: Mapping[str, str | int]) -> None:
    """Write a new configuration file that only its owner may read.

    Raises RefusedError if one is there already, or the folder does not allow it.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise RefusedError(f"{path} is there already; move it away or edit it.") from None
    except OSError as error:
        raise RefusedError(f"The configuration file {path} cannot be written: {error.strerror}.") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(configuration_text(values))


def _plain(value: object) -> str | int | float:
    """A default as TOML can hold it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if value is None or value == Path():
        return "" if value is None else "."
    return value if isinstance(value, int | float) else str(value)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise RefusedError(f"There is no configuration file {path}; `linegram init` writes one.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(f"The configuration file {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise RefusedError(f"The configuration file {path} is not TOML: {error}.") from None


def _sentence(error: ValidationError) -> str:
    """Each wrong setting and why; never the value, which may be a secret."""
    parts = []
    for mistake in error.errors(include_url=False, include_input=False, include_context=False):
        name = ".".join(str(part) for part in mistake["loc"])
        message = "there is no such setting" if mistake["type"] == "extra_forbidden" else mistake["msg"]
        parts.append(f"{name}: {message}" if name else message)
    return "; ".join(parts)


def _placed(settings: Settings, folder: Path) -> Settings:
    """The settings with every relative path made absolute."""
    telegram = settings.telegram
    if telegram.public_key_file is not None:
        telegram = telegram.model_copy(update={"public_key_file": folder / telegram.public_key_file})
    return settings.model_copy(
        update={"data_dir": (folder / settings.data_dir).resolve(), "telegram": telegram}
    )
