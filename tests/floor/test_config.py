"""Settings come from one file and the environment, mistakes are sentences, secrets stay hidden."""

import os
import stat
import tomllib
from pathlib import Path

import pytest
from pydantic import SecretStr

from linegram.audio.tones import DEFAULT_CADENCES, parse_cadence
from linegram.config import (
    Settings,
    SipSettings,
    TelegramSettings,
    ToneSettings,
    configuration_text,
    each_setting,
    load_settings,
    variable_of,
    write_configuration,
)
from linegram.errors import RefusedError
from linegram.telegram.phone_wire import PhoneProtocol

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("LINEGRAM_")]:
        monkeypatch.delenv(name)


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.calls.direct_window_s == 60
    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path}/linegram.db"
    assert settings.key_path == tmp_path / "linegram.key"
    assert settings.missing() == (
        "telegram.api_id",
        "telegram.api_hash",
        "telegram.bot_token",
        "telegram.phone",
    )


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(
        tmp_path / "my.toml",
        "[telegram]\napi_id = 1\nphone = '+7'\n[rtp]\nport_min = 20000\nport_max = 20999",
    )
    monkeypatch.setenv("LINEGRAM_TELEGRAM_API_ID", "2")
    monkeypatch.setenv("LINEGRAM_TELEGRAM_API_HASH", "of the environment")
    monkeypatch.setenv("LINEGRAM_RTP_PORT_MIN", "")
    settings = load_settings(path)
    assert (settings.telegram.api_id, settings.telegram.phone, settings.rtp.port_min) == (2, "+7", 20000)
    assert settings.telegram.api_hash.get_secret_value() == "of the environment"


def test_the_file_is_named_by_the_caller_or_the_environment_or_lies_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "linegram.toml", "[sip]\nport = 1")
    assert load_settings().sip.port == 1
    monkeypatch.setenv("LINEGRAM_CONFIG", str(write(tmp_path / "two.toml", "[sip]\nport = 2")))
    assert load_settings().sip.port == 2
    assert load_settings(write(tmp_path / "three.toml", "[sip]\nport = 3")).sip.port == 3


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    path = write(tmp_path / "etc" / "l.toml", "data_dir = '../data'\n[telegram]\npublic_key_file = 'rsa.pem'")
    settings = load_settings(path)
    assert settings.data_dir == tmp_path / "data"
    assert settings.telegram.public_key_file == tmp_path / "etc" / "rsa.pem"


def test_the_offered_call_versions_may_be_written_with_and_without_spaces(tmp_path: Path) -> None:
    path = write(tmp_path / "some.toml", "[telegram]\ncall_versions = ' 13.0.0,9.0.0 , 8.0.0'")
    assert load_settings(path).telegram.offered_versions == ("13.0.0", "9.0.0", "8.0.0")
    assert Settings().telegram.offered_versions == PhoneProtocol().versions


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[telegram", "is not TOML"),
        ("[telegram]\nappid = 1", "telegram.appid: there is no such setting"),
        ("[phone]\nx = 1", "phone: there is no such setting"),
        ("[rtp]\nport_min = 1", "rtp.port_min: Input should be greater than or equal to 1024"),
        ("[rtp]\nport_min = 20000\nport_max = 20000", "rtp: Value error, port_max must be greater"),
        ("[media]\nengine = 'gramophone'", "media.engine: Input should be 'auto'"),
        ("[telegram]\ncall_versions = '13'", "telegram.call_versions: String should match pattern"),
    ],
)
def test_mistakes_are_sentences_that_name_the_file(tmp_path: Path, text: str, complaint: str) -> None:
    path = write(tmp_path / "wrong.toml", text)
    with pytest.raises(RefusedError) as refused:
        load_settings(path)
    assert complaint in str(refused.value)
    assert "wrong.toml" in str(refused.value)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"There is no configuration file .*linegram init"):
        load_settings(tmp_path / "none.toml")
    with pytest.raises(RefusedError, match="cannot be read"):
        load_settings(tmp_path)


def test_secrets_are_in_no_text(tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.toml",
        "key = 'hush-1'\n[telegram]\napi_hash = 'hush-2'\nbot_token = 'hush-3'\n"
        "[storage]\nurl = 'postgresql+asyncpg://u:hush-4@h/d'",
    )
    settings = load_settings(path)
    assert "hush" not in f"{settings!r} {settings} {settings.telegram!r}"
    assert settings.database_url.endswith("hush-4@h/d")


def test_a_wrong_secret_is_not_repeated_in_the_complaint(tmp_path: Path) -> None:
    path = write(tmp_path / "s.toml", "[telegram]\nbot_token = ['hush']")
    with pytest.raises(RefusedError) as refused:
        load_settings(path)
    assert "hush" not in str(refused.value)


def test_the_written_file_explains_everything_and_sets_only_what_was_given(tmp_path: Path) -> None:
    path = tmp_path / "linegram.toml"
    write_configuration(path, {"telegram.api_id": 7, "telegram.api_hash": 'quo"te'})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = tomllib.loads(path.read_text("utf-8"))
    assert {name: table for name, table in content.items() if table} == {
        "telegram": {"api_id": 7, "api_hash": 'quo"te'}
    }
    assert load_settings(path) == Settings(
        data_dir=tmp_path, telegram=TelegramSettings(api_id=7, api_hash=SecretStr('quo"te'))
    )


def test_the_commented_defaults_of_the_written_file_are_true() -> None:
    lines = configuration_text({}).splitlines()
    text = "\n".join(line[2:] if line.startswith("# ") and " = " in line else line for line in lines)
    written = tomllib.loads(text)
    written["telegram"].pop("public_key_file")
    assert Settings(**written) == Settings()


def test_a_file_that_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path / "linegram.toml", "# mine")
    with pytest.raises(RefusedError, match="is there already"):
        write_configuration(path, {})
    with pytest.raises(RefusedError, match="cannot be written"):
        write_configuration(tmp_path / "no" / "folder.toml", {})
    assert path.read_text() == "# mine"


@pytest.mark.parametrize("name", [name for name, _ in each_setting()])
def test_every_setting_is_explained_in_the_code_and_in_the_document(name: str) -> None:
    field = dict(each_setting())[name]
    assert field.description
    row = next(
        (line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith(f"| `{name}` |")), ""
    )
    assert f"`{variable_of(name)}`" in row, f"docs/settings.md has no row for {name}"
    assert field.description in row, f"docs/settings.md says something else about {name} than config.py"


def test_the_document_knows_no_setting_that_is_gone() -> None:
    named = [
        line.split("`")[1] for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("| `")
    ]
    assert named == [name for name, _ in each_setting()]


@pytest.mark.parametrize("text", ["425/1000,0/4000", "350+440/2000"])
def test_a_tone_may_have_another_cadence(tmp_path: Path, text: str) -> None:
    assert load_settings(write(tmp_path / "c.toml", f'[tones]\nbusy = "{text}"')).tones.busy == text


@pytest.mark.parametrize("text", ["", "425", "425/0", "beep/200", "425/200,"])
def test_a_cadence_that_cannot_be_read_is_refused_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(RefusedError, match=r"tones\.busy"):
        load_settings(write(tmp_path / "c.toml", f'[tones]\nbusy = "{text}"'))


def test_the_default_cadences_are_those_of_the_tone_generator() -> None:
    for name, text in ToneSettings().model_dump().items():
        assert parse_cadence(text) == DEFAULT_CADENCES[name]


@pytest.mark.parametrize("servers", ["192.0.2.1", "192.0.2.1:5353, [2001:db8::1]:53", "2001:db8::1", ""])
def test_name_servers_are_addresses_with_or_without_a_port(servers: str) -> None:
    sip = SipSettings(dns_servers=servers)
    assert ", ".join(sip.dns_server_list) == servers


@pytest.mark.parametrize(
    "wrong", [{"dns_servers": "1.2.3"}, {"dns_servers": "ns.example"}, {"trusted": "10.0.0.0/99"}]
)
def test_what_is_no_address_or_network_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong.values()))):
        SipSettings.model_validate(wrong)
