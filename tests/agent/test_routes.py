"""Who answers which request, and in which envelope."""

import json
from http import HTTPStatus

import pytest

from agent.ground import Ground
from muster.agent.envelope import failure
from muster.agent.failures import Undone, WrongMethod
from muster.agent.routes import ROUTES
from muster.base.errors import Conflict, Forbidden, Invalid, MusterError, NotFound, Unsupported


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: f"{each.method} {each.path}")
def test_every_route_finds_whoever_answers(ground: Ground, route) -> None:  # type: ignore[no-untyped-def]
    """Nobody is hidden behind a route that stands before his."""
    fitting = [each for each in ROUTES if (each.method, each.path) == (route.method, route.path)]
    assert fitting == [route]
    assert route.about.endswith(".")


def test_the_versions_and_lists_have_the_addresses_of_whoever_asks(ground: Ground) -> None:
    assert ground.ask("GET", "/") == ["/os/1.0"]
    assert ground.ask("GET", "/1.0/system") == [
        f"/os/1.0/system/{name}"
        for name in sorted(
            each.removeprefix("system/")
            for each in ("system/resources", *ground.agent.keeper.nouns)
            if "system/" in each
        )
    ]
    assert ground.ask("GET", "/1.0/services") == [
        f"/os/1.0/{name}" for name in sorted(ground.agent.keeper.nouns) if "services/" in name
    ]


def test_the_machine_is_shown_as_its_own_files_have_it(ground: Ground) -> None:
    """Never as the machine that the test runs on."""
    assert ground.ask("GET", "/1.0")["environment"]["hostname"] == ""
    ground.write("/proc/sys/kernel/hostname", "node-1\n")
    ground.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    ground.write("/etc/os-release", 'PRETTY_NAME="Debian GNU/Linux 12"\nVERSION_ID="12"\n')
    ground.write("/proc/uptime", "812.42 3000.1\n")
    shown = ground.ask("GET", "/1.0")["environment"]
    assert shown["hostname"] == "node-1"
    assert shown["machine_id"] == "0123456789abcdef0123456789abcdef"
    assert (shown["os_name"], shown["os_version"]) == ("Debian GNU/Linux 12", "12")
    assert (shown["uptime"], shown["system_is_ready"]) == (812, True)


def test_capabilities_say_what_is_absent_and_why(ground: Ground) -> None:
    shown = ground.ask("GET", "/1.0/capabilities")
    assert shown["kernel.network"] == {"can": "supported", "reason": ""}
    assert shown["kernel.cpu"] == {
        "can": "absent",
        "reason": "this kernel has no frequency scaling",
    }


def test_a_put_reads_only_the_configuration(ground: Ground) -> None:
    body = {"config": {"blacklist_modules": ["floppy"]}, "state": {"whatever": 1}}
    assert ground.ask("PUT", "/1.0/system/kernel", body) == {}
    assert ground.config("system/kernel")["blacklist_modules"] == ["floppy"]


def test_a_put_replaces_the_configuration_whole(ground: Ground) -> None:
    ground.ask("PUT", "/1.0/system/kernel", {"config": {"blacklist_modules": ["floppy"]}})
    ground.ask("PUT", "/1.0/system/kernel", {"config": {"console": [{"device": "tty1"}]}})
    assert "blacklist_modules" not in ground.config("system/kernel")


@pytest.mark.parametrize("body", [None, [], {"state": {}}, "text"])
def test_a_put_without_a_configuration_is_refused(ground: Ground, body: object) -> None:
    with pytest.raises(Invalid, match="config: is required"):
        ground.ask("PUT", "/1.0/system/kernel", body)


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/1.0/services/nope", NotFound),
        ("PUT", "/1.0/system/nope", NotFound),
        ("GET", "/2.0", NotFound),
        ("GET", "/1.0/system/kernel/more", NotFound),
        ("DELETE", "/1.0/system/kernel", WrongMethod),
        ("PATCH", "/1.0/system/kernel", WrongMethod),
        ("PUT", "/1.0", WrongMethod),
    ],
)
def test_what_is_not_there_and_what_is_not_done_there(
    ground: Ground, method: str, path: str, kind: type[MusterError]
) -> None:
    with pytest.raises(kind):
        ground.ask(method, path, {"config": {}})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Invalid("x"), HTTPStatus.BAD_REQUEST),
        (NotFound("x"), HTTPStatus.NOT_FOUND),
        (Forbidden("x"), HTTPStatus.FORBIDDEN),
        (Conflict("x"), HTTPStatus.CONFLICT),
        (Unsupported("x"), HTTPStatus.CONFLICT),
        (WrongMethod("x"), HTTPStatus.NOT_IMPLEMENTED),
        (Undone("x"), HTTPStatus.INTERNAL_SERVER_ERROR),
        (OSError(28, "No space left on device", "/etc/x"), HTTPStatus.INTERNAL_SERVER_ERROR),
    ],
)
def test_each_error_has_its_status_in_the_envelope(error: MusterError, code: HTTPStatus) -> None:
    answer = failure(error)
    said = json.loads(answer.body)
    assert (answer.status, said["type"], said["error_code"]) == (code, "error", code)
    assert said["error"] in ("x", "/etc/x: No space left on device")
