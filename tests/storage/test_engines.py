"""What is remembered of an employee's voice engine survives a restart."""

from linegram.calls.engine_choice import RememberedEngine
from linegram.storage.database import Database
from linegram.storage.engines import EngineRepository
from linegram.storage.vault import Vault
from tests.office.accounts import ANNA, OWNER


async def test_the_newest_memory_of_each_employee_is_there_after_a_restart(
    database: Database, url: str, vault: Vault
) -> None:
    engines = EngineRepository(database)
    assert await engines.kept_engines() == {}
    await engines.keep_engine(ANNA, RememberedEngine("ntgcalls", 100.5))
    await engines.keep_engine(OWNER, RememberedEngine("ntgcalls", 101.0))
    await engines.keep_engine(ANNA, RememberedEngine("own", 200.25))
    async with await Database.open(url, vault) as again:
        assert await EngineRepository(again).kept_engines() == {
            ANNA: RememberedEngine("own", 200.25),
            OWNER: RememberedEngine("ntgcalls", 101.0),
        }
