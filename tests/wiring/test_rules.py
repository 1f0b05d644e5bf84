"""Who may do what, said by an operator in a file: read, printed, enforced, or refused by name."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from muster.api.guard import call_of
from muster.base.errors import Invalid
from muster.model.rules import Rules, for_keystone
from muster.model.who import RIGHTS, Right, Who
from muster.settings import Settings
from muster.wiring.rules import calls_of, rules_of, written
from muster.wiring.rules import rules as rules_command
from office import WEB, Office, opened

KNOWN = {"clusters:create": Right.WRITE, "clusters:delete": Right.WRITE}


def file(folder: Path, text: str) -> Settings:
    path = folder / "rules.toml"
    path.write_text(text)
    return Settings(rules_file=str(path))


def ruled(office: Office, rules: Rules) -> None:
    office.app.state.door = replace(office.app.state.door, rules=rules)


async def status(office: Office, method: str, path: str, who: str) -> int:
    body = dict(WEB) if method == "POST" else None
    answer = await office.call(method, path, body, who)
    return int(answer.status_code)


@pytest.mark.parametrize(
    ("method", "path", "call"),
    [
        ("GET", "/v1/clusters", "clusters:index"),
        ("POST", "/v1/clusters", "clusters:create"),
        ("GET", "/v1/clusters/{id}", "clusters:get"),
        ("PATCH", "/v1/clusters/{id}", "clusters:update"),
        ("DELETE", "/v1/clusters/{name}/{id}", "clusters:delete"),
        ("POST", "/v1/clusters/{id}/actions", "clusters:action"),
        ("POST", "/v1/nodes/{id}/ops", "nodes:operation"),
        ("GET", "/v1/clusters/{id}/attrs/{path}", "clusters:collect"),
        ("GET", "/v1/profile-types", "profile_types:index"),
        ("POST", "/v1/nodes/adopt-preview", "nodes:adopt_preview"),
        ("POST", "/v1/receivers/{id}/notify", "receivers:notify"),
        ("GET", "/1.0/provisioning/servers", "provisioning_servers:index"),
        ("POST", "/1.0/provisioning/servers/{name}/:resync", "provisioning_servers:resync"),
        (
            "PUT",
            "/1.0/provisioning/cluster-templates/{name}",
            ("provisioning_cluster_templates:update"),
        ),
        ("GET", "/metrics", "metrics:index"),
        ("GET", "/", "versions:index"),
    ],
)
def test_a_call_is_named_by_what_it_does(method, path, call):
    assert call_of(method, path) == call


def test_without_a_file_roles_mean_what_they_always_meant():
    rules = Rules()
    for role, rights in RIGHTS.items():
        assert rules.known(Who(user="u", project="p", roles=(role,))).rights == rights


def test_readers_of_a_keystone_change_what_their_project_has_unless_the_file_says_else(tmp_path):
    rita = Who(user="rita", project="red", roles=("reader",))
    keystone = rules_of(Settings(identity="keystone"), KNOWN)
    assert keystone == for_keystone()
    assert keystone.known(rita).rights == RIGHTS["member"]
    said = replace(file(tmp_path, '[rights]\nwrite = ["admin", "member"]'), identity="keystone")
    assert rules_of(said, KNOWN).known(rita).rights == RIGHTS["reader"]


def test_the_printed_file_shows_how_readers_are_kept_from_changing():
    [line] = [each for each in written(for_keystone(), KNOWN).split("\n") if "readers" in each]
    assert line.startswith('# write = ["admin", "member"]  #')
    assert "readers" not in written(Rules(), KNOWN)


def test_what_the_file_does_not_say_stays(tmp_path):
    rules = rules_of(file(tmp_path, '[calls]\n"clusters:delete" = ["admin"]'), KNOWN)
    assert rules.rights == Rules().rights
    assert rules.calls == {"clusters:delete": frozenset({"admin"})}


def test_what_is_printed_says_the_same_when_read(tmp_path):
    text = '[rights]\nwrite = ["Member", "operator"]\n[calls]\n"clusters:create" = ["everyone"]'
    rules = rules_of(file(tmp_path, text), KNOWN)
    again = rules_of(file(tmp_path, written(rules, KNOWN)), KNOWN)
    assert again == rules
    assert rules.rights[Right.WRITE] == {"member", "operator"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "rules.toml"),
        ("[roles]\na = 1", "'roles'"),
        ("calls = 1", "calls must be a table"),
        ('[calls]\n"clusters:explode" = ["admin"]', "clusters:explode"),
        ('[rights]\nfly = ["admin"]', "'fly'"),
        ('[rights]\nread = "admin"', "read must be roles"),
        ("[rights]\nread = [1]", "read must be roles"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_by_name(tmp_path, text, words):
    with pytest.raises(Invalid, match=words) as told:
        rules_of(file(tmp_path, text), KNOWN)
    assert "rules.toml" in told.value.text


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(Invalid, match=r"/no/such\.toml"):
        rules_of(Settings(rules_file="/no/such.toml"), KNOWN)


async def test_every_call_has_a_rule_and_every_rule_a_call(tmp_path):
    async with opened(tmp_path) as office:
        known = calls_of(office.app)
    assert {"clusters:create", "clusters:delete", "actions:get", "tokens:create"} <= set(known)
    assert known["metrics:index"] is Right.OPERATE


async def test_a_call_may_be_given_to_fewer(tmp_path):
    async with opened(tmp_path) as office:
        ruled(office, Rules(calls={"clusters:create": frozenset({"admin"})}))
        assert await status(office, "POST", "/v1/clusters", "ann") == 403
        assert await status(office, "GET", "/v1/clusters", "ann") == 200
        assert await status(office, "POST", "/v1/clusters", "root") == 202


async def test_a_refusal_says_which_call_it_was_and_who_may(tmp_path):
    async with opened(tmp_path) as office:
        ruled(office, Rules(calls={"clusters:index": frozenset({"auditor"})}))
        answer = await office.call("GET", "/v1/clusters")
        words = answer.json()["error"]["message"]
        assert "clusters:index" in words
        assert "auditor" in words


async def test_a_call_may_be_given_to_everyone_and_to_nobody(tmp_path):
    async with opened(tmp_path) as office:
        ruled(office, Rules(calls={"clusters:create": frozenset({"everyone"})}))
        assert await status(office, "POST", "/v1/clusters", "rita") == 202
        ruled(office, Rules(calls={"clusters:create": frozenset()}))
        assert await status(office, "POST", "/v1/clusters", "root") == 403


async def test_a_right_given_to_a_role_reaches_what_the_service_shows(tmp_path):
    rights = {**Rules().rights, Right.EVERY_PROJECT: frozenset({"reader"})}
    async with opened(tmp_path) as office:
        await office.made("bob")
        ruled(office, Rules(rights=rights))
        seen = await office.call("GET", "/v1/clusters", who="rita")
        assert [each["project"] for each in seen.json()["clusters"]] == ["other"]
        hidden = await office.call("GET", "/v1/clusters", who="root")
        assert hidden.json()["clusters"] == []


def test_the_command_prints_a_file_that_says_the_same(tmp_path):
    first = CliRunner().invoke(rules_command, env={"MUSTER_HOME": str(tmp_path)})
    assert first.exit_code == 0, first.output
    assert '# "clusters:create" = ["admin", "member"]  # write' in first.output
    path = tmp_path / "mine.toml"
    path.write_text(
        first.output.replace('# "nodes:adopt" = ["admin", "member"]', '"nodes:adopt" = []')
    )
    env = {"MUSTER_HOME": str(tmp_path), "MUSTER_RULES_FILE": str(path)}
    again = CliRunner().invoke(rules_command, ["--changed"], env=env)
    assert '"nodes:adopt" = []' in again.output
    assert "clusters:create" not in again.output


def test_the_command_names_what_is_wrong_with_the_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[calls]\n"clusters:fly" = []')
    env = {"MUSTER_HOME": str(tmp_path), "MUSTER_RULES_FILE": str(path)}
    said = CliRunner().invoke(rules_command, env=env)
    assert said.exit_code == 1
    assert "clusters:fly" in said.output
