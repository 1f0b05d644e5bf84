"""The grounds of the clustering API: versions, discovery, faults, bodies, lists."""

from typing import Any

import pytest

from caller import Caller
from office import Office

SPEC = {"type": "os.nova.server", "version": "1.0", "properties": {"flavor": "tiny"}}
JSON = {"content-type": "application/json"}


async def spoken(office: Office, header: str | None, path: str = "/v1/profiles") -> Any:
    headers = {"x-name": "ann"} | ({"openstack-api-version": header} if header else {})
    return await office.clients["all"].get(path, headers=headers)


@pytest.mark.parametrize(
    ("header", "version"),
    [
        (None, "1.0"),
        ("compute 2.5", "1.0"),
        ("clustering 1.0", "1.0"),
        ("clustering 1.7", "1.7"),
        ("Clustering 1.7", "1.7"),
        ("compute 2.5, clustering 1.14", "1.14"),
        ("clustering latest", "1.14"),
        ("clustering LATEST", "1.14"),
    ],
)
async def test_every_answer_says_which_version_it_speaks(
    office: Office, header: str | None, version: str
) -> None:
    for path in ("/v1/profiles", "/v1/profiles/nosuch", "/v1/nosuch", "/v1/flavors"):
        answer = await spoken(office, header, path)
        assert answer.headers["openstack-api-version"] == f"clustering {version}"
        assert answer.headers["vary"] == "OpenStack-API-Version"


@pytest.mark.parametrize(
    ("said", "status", "kind", "words"),
    [
        ("1.15", 406, "InvalidGlobalAPIVersion", "Version '1.15' is not supported by the API."),
        ("2.0", 406, "InvalidGlobalAPIVersion", "Minimum is '1.0' and maximum is '1.14'."),
        ("1", 400, "HTTPBadRequest", "API Version String '1' is of invalid format."),
        ("abc", 400, "HTTPBadRequest", "must be of format 'major.minor'."),
        ("1.01", 400, "HTTPBadRequest", "invalid format"),
        ("0.9", 400, "HTTPBadRequest", "invalid format"),
        ("1.³", 400, "HTTPBadRequest", "invalid format"),
        ("", 400, "HTTPBadRequest", "invalid format"),
    ],
)
async def test_a_version_that_is_none_is_refused_before_anything_else(
    office: Office, said: str, status: int, kind: str, words: str
) -> None:
    headers = {"openstack-api-version": f"clustering {said}".encode()}
    answer = await office.clients["all"].get("/v1/profiles", headers=headers)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == (kind, status)
    assert words in error["message"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-openstack-request-id"].startswith("req-")


async def test_a_version_is_said_where_nothing_else_is(ann: Caller) -> None:
    made = (await ann.ask("POST", "/profiles", {"profile": {"name": "p", "spec": SPEC}})).json()
    gone = await ann.ask("DELETE", f"/profiles/{made['profile']['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert gone.headers["openstack-api-version"] == "clustering 1.14"


async def test_a_method_that_is_newer_than_the_version_is_not_supported(ann: Caller) -> None:
    for method, path, since in (
        ("POST", "/profiles/validate", 2),
        ("POST", "/policies/validate", 2),
        ("GET", "/profile-types/os.nova.server-1.0/ops", 4),
        ("PATCH", "/actions/x", 12),
    ):
        older = f"1.{since - 1}"
        said = await ann.refusal(method, path, {}, version=older)
        text = f"API version '{older}' is not supported on this method."
        assert said == (400, "MethodVersionNotFound", text)
        answer = await ann.ask(method, path, {}, version=f"1.{since}")
        assert "is not supported on this method" not in answer.text


async def test_the_minor_version_of_the_path_makes_no_difference(office: Office) -> None:
    answer = await office.call("GET", "/v1.0/profiles?limit=0")
    assert answer.json() == {"profiles": []}


@pytest.mark.parametrize("path", ["/", "/versions", "/vx", "/v2/clusters", "/clusters"])
async def test_whoever_is_lost_is_told_which_versions_there_are(office: Office, path: str) -> None:
    answer = await office.clients["all"].get(path, headers={"accept": "*/*"})
    assert answer.status_code == 300
    [version] = answer.json()["versions"]
    assert (version["id"], version["min_version"], version["max_version"]) == ("1.0", "1.0", "1.14")


async def test_whoever_is_lost_and_wants_something_in_particular_is_not_found(
    office: Office,
) -> None:
    answer = await office.clients["all"].get("/vx", headers={"accept": "application/json"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("headers", "link"),
    [
        ({}, "http://127.0.0.1:8778/v1"),
        ({"host": "muster.example.org"}, "http://muster.example.org/v1"),
        ({"x-forwarded-proto": "https"}, "https://127.0.0.1:8778/v1"),
        ({"forwarded": 'proto=https;host="api.example.org:9"'}, "https://api.example.org:9/v1"),
        ({"forwarded": "host=a.org, host=b.org"}, "http://a.org/v1"),
        (
            {"x-forwarded-host": "api.example.org", "x-forwarded-prefix": "/clustering/"},
            "http://api.example.org/clustering/v1",
        ),
    ],
)
@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1.0", "/"])
async def test_links_lead_to_where_the_caller_came_in(
    office: Office, headers: dict[str, str], link: str, path: str
) -> None:
    said = (await office.clients["all"].get(path, headers=headers)).json()
    version = said["version"] if "version" in said else said["versions"][0]
    assert version["links"][0] == {"rel": "self", "href": link}


async def test_an_error_is_told_in_general_and_in_particular(ann: Caller) -> None:
    answer = await ann.ask("GET", "/profiles/nosuch")
    text = "The profile 'nosuch' could not be found."
    assert answer.json() == {
        "code": 404,
        "title": "Not Found",
        "explanation": "The resource could not be found.",
        "error": {"code": 404, "type": "ResourceNotFound", "message": text},
    }


async def test_a_path_or_method_that_is_not_there_is_not_found(ann: Caller) -> None:
    for method, path in (("GET", "/nosuch"), ("PUT", "/profiles"), ("DELETE", "/profiles")):
        status, _, _ = await ann.refusal(method, path)
        assert status == 404


async def test_a_stranger_is_told_to_say_who_he_is(office: Office) -> None:
    answer = await Caller(office, who="nobody").ask("GET", "/profiles")
    assert answer.status_code == 401
    said = {"code": 401, "title": "Unauthorized", "message": "wear a name tag"}
    assert answer.json() == {"error": said}
    assert answer.headers["www-authenticate"] == "Name"


@pytest.mark.parametrize(
    ("content", "headers", "words"),
    [
        (b"", JSON, "malformed or otherwise incorrect."),
        (b"[1]", JSON, "malformed or otherwise incorrect."),
        (b"hello", {"content-type": "text/plain"}, "malformed or otherwise incorrect."),
        (b"{}", {"content-type": "application/xml"}, "malformed or otherwise incorrect."),
        (b'{"profile": []}', JSON, "malformed or otherwise incorrect."),
        (b'{"profile": null}', JSON, "malformed or otherwise incorrect."),
        (b"{not json", JSON, "Expecting property name enclosed in double quotes"),
        (b'{"a": NaN}', JSON, "malformed"),
        (b'{"a":' * 100_000, JSON, ""),
        (b"{}", JSON, "Request body missing 'profile' key."),
        (b'{"profile": {}}', JSON, "'name' is a required property"),
        (b'{"profile": {"a": 1, "b": 2}}', JSON, "('a', 'b' were unexpected)"),
    ],
)
async def test_a_body_that_says_nothing_useful_is_refused(
    office: Office, content: bytes, headers: dict[str, str], words: str
) -> None:
    client = office.clients["all"]
    headers = {"x-name": "ann", **headers}
    answer = await client.post("/v1/profiles", content=content, headers=headers)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "HTTPBadRequest"
    assert words in error["message"]


@pytest.mark.parametrize(("depth", "status"), [(98, 201), (99, 400), (500, 400)])
async def test_a_body_nested_too_deep_is_refused(
    office: Office, ann: Caller, depth: int, status: int
) -> None:
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    spec = b'{"type": "os.nova.server", "version": "1.0", "properties": {"flavor": "tiny"}}'
    content = b'{"profile": {"name": "p", "spec": %s, "metadata": %s}}' % (spec, nested)
    headers = {"x-name": "ann", **JSON}
    answer = await office.clients["all"].post("/v1/profiles", content=content, headers=headers)
    assert answer.status_code == status
    assert len((await ann.get("/profiles"))["profiles"]) == (status == 201)


async def test_a_body_without_a_type_and_as_plain_text_is_read(office: Office) -> None:
    content = b'{"profile": {"spec": {"type": "x", "version": 1}}}'
    client = office.clients["all"]
    for headers in ({}, {"content-type": "text/plain; charset=utf-8"}):
        named = {"x-name": "ann", "openstack-api-version": "clustering 1.2", **headers}
        answer = await client.post("/v1/profiles/validate", content=content, headers=named)
        assert answer.json()["error"]["message"] == "The profile_type 'x-1' could not be found."


async def test_a_body_larger_than_a_mebibyte_is_too_large(ann: Caller) -> None:
    status, kind, text = await ann.refusal("POST", "/profiles", {"profile": "x" * 2**20})
    assert (status, kind) == (400, "RequestLimitExceeded")
    assert text.endswith("exceeds maximum allowed size (1048576 bytes).")


ILLEGAL = "contains illegal characters. It must contain only alphanumeric"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", None, "Field `name' cannot be None"),
        ("name", "", "The value for the name field must be at least 1 characters long."),
        ("name", "x" * 256, "The value for the name field must be less than 255 characters long."),
        ("name", "a b", f"The value for the 'name' (a b) {ILLEGAL}"),
        ("name", "a\nb", ILLEGAL),
        ("name", "ünf", ILLEGAL),
        ("name", 7, "7 is not of type 'string'"),
        ("spec", None, "Field `spec' cannot be None"),
        ("spec", "abc", "The value (abc) is not a valid JSON."),
        ("spec", "{}", "'{}' is not of type 'object', 'null'"),
        ("spec", [], "[] is not of type 'object', 'null'"),
        ("metadata", 7, "7 is not of type 'object', 'null'"),
    ],
)
async def test_a_wrong_value_is_told_in_the_words_that_clients_know(
    ann: Caller, field: str, value: Any, words: str
) -> None:
    said = {"name": "p", "spec": SPEC, field: value}
    status, kind, text = await ann.refusal("POST", "/profiles", {"profile": said})
    assert (status, kind) == (400, "HTTPBadRequest")
    assert words in text


@pytest.mark.parametrize("name", ["a", "0-9", "_.~", "中文", "x" * 255, "."])
async def test_names_may_be_odd(ann: Caller, name: str) -> None:
    answer = await ann.ask("POST", "/profiles", {"profile": {"name": name, "spec": SPEC}})
    assert answer.status_code == 201, answer.text
    assert answer.json()["profile"]["name"] == name


LISTS = ("/profiles", "/policies", "/actions", "/events", "/clusters", "/nodes", "/receivers")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("bogus=1", 400, "Invalid parameter {}"),
        ("limit=abc", 400, "The value for limit must be an integer: 'abc'."),
        ("sort=,name", 400, "Missing sort key for 'sort'."),
        ("limit=-1", 400, "Value must be >= 0 for field 'limit'."),
        ("marker=bogus", 400, "The value for marker is not a valid UUID: 'bogus'."),
        ("sort=bogus", 400, "Unsupported sort key 'bogus' for 'sort'."),
        ("sort=name:up", 400, "for 'sort'."),
        ("global_project=maybe", 400, "Invalid value 'maybe' specified for 'global_project'"),
        ("global_project=True", 403, "You are not authorized to complete this operation."),
    ],
)
async def test_every_list_refuses_a_wrong_query_alike(
    ann: Caller, path: str, query: str, status: int, words: str
) -> None:
    bogus = "'bogus'" if path == "/clusters" else "bogus"
    code, kind, text = await ann.refusal("GET", f"{path}?{query}")
    assert (code, kind) == (status, "Forbidden" if status == 403 else "HTTPBadRequest")
    assert words.format(bogus) in text


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=",
        "marker=",
        "sort=",
        "global_project=False",
        "marker=" + "0" * 32,
        "name=x",
    ],
)
async def test_every_list_takes_a_right_query(ann: Caller, path: str, query: str) -> None:
    query = query.replace("name", "oname") if path == "/events" else query
    assert await ann.get(f"{path}?{query}") == {path[1:]: []}


async def test_a_thing_is_found_by_id_name_and_the_beginning_of_its_id(ann: Caller) -> None:
    made = (await ann.ask("POST", "/profiles", {"profile": {"name": "p1", "spec": SPEC}})).json()
    id = made["profile"]["id"]
    for said in (
        id,
        id.replace("-", ""),
        id.upper(),
        "p1",
        id[:8],
        id[:13],
        id[:4].upper(),
        id[:1],
    ):
        assert await ann.get(f"/profiles/{said}") == made
    for said in (id[:-1] + "g", f"{id[:8]}%", "P1", "p"):
        assert (await ann.refusal("GET", f"/profiles/{said}"))[0] == 404


async def test_what_a_body_names_is_found_likewise(ann: Caller) -> None:
    profile = await ann.profile()
    for number, said in enumerate((str(profile.id), profile.name, str(profile.id)[:13])):
        body = {"cluster": {"name": f"by-{number}", "profile_id": said}}
        answer = await ann.ask("POST", "/clusters", body)
        assert answer.json()["cluster"]["profile_id"] == str(profile.id)


async def test_a_name_that_means_several_things_is_refused(ann: Caller) -> None:
    for _ in range(2):
        await ann.ask("POST", "/profiles", {"profile": {"name": "dup", "spec": SPEC}})
    text = "Multiple results found matching the query criteria 'dup'. Please be more specific."
    for method in ("GET", "DELETE"):
        assert await ann.refusal(method, "/profiles/dup") == (400, "MultipleChoices", text)


async def test_a_name_that_looks_like_an_id_is_found_all_the_same(ann: Caller) -> None:
    name = "0" * 32
    await ann.ask("POST", "/profiles", {"profile": {"name": name, "spec": SPEC}})
    assert (await ann.get(f"/profiles/{name}"))["profile"]["name"] == name
