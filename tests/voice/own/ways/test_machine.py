"""The machine's addresses are looked at rarely, for all calls together."""

from ipaddress import ip_address

from linegram.voice.own.ways.machine import LOOK_AGAIN_S, MachineAddresses, local_ips


def test_a_hundred_calls_cost_one_look_in_three_seconds() -> None:
    looks: list[str] = []

    def look() -> list[str]:
        looks.append(f"192.0.2.{len(looks) + 1}")
        return looks[-1:]

    machine = MachineAddresses(look)
    for _ in range(100):
        assert machine.ips(10.0) == ("192.0.2.1",)
    assert machine.ips(10.0 + LOOK_AGAIN_S - 0.01) == ("192.0.2.1",)
    assert machine.ips(10.0 + LOOK_AGAIN_S) == ("192.0.2.2",)
    assert len(looks) == 2


def test_a_look_that_fails_leaves_what_was_known() -> None:
    known = [["192.0.2.1"]]
    machine = MachineAddresses(lambda: known[0])
    assert machine.ips(0.0) == ("192.0.2.1",)

    def fail() -> list[str]:
        raise OSError("no interfaces today")

    machine._list_ips = fail
    assert machine.ips(10.0) == ("192.0.2.1",)


def test_addresses_are_few_and_each_once() -> None:
    machine = MachineAddresses(lambda: ["192.0.2.1", "192.0.2.1", *(f"192.0.2.{n}" for n in range(2, 50))])
    assert machine.ips(0.0) == tuple(f"192.0.2.{n}" for n in range(1, 9))


def test_what_this_machine_has_leads_somewhere() -> None:
    found = [ip_address(text) for text in local_ips()]
    assert not any(ip.is_loopback or ip.is_link_local or ip.is_unspecified for ip in found)
    assert found == sorted(found, key=lambda ip: ip.version)
