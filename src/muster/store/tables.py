"""Every table. Columns are what is searched or sorted by; the whole value is in `body`.

Moments are microseconds since 1970 in UTC, ids are text, so both databases compare and
sort them alike. A change here needs a migration; a test compares the two.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Sequence, Table, Text

metadata = MetaData()

WORD = Text().with_variant(Text(collation="C"), "postgresql")  # sorted by bytes, as SQLite does
NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def _key(name: str = "id") -> Column[Any]:
    return Column(name, WORD, primary_key=True)


def _word(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, WORD, nullable=null)


def _number(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, NUMBER, nullable=null)


def _moment(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, NUMBER, nullable=null)


def _body() -> Column[Any]:
    return Column("body", Text(), nullable=False)


clusters = Table(
    "clusters",
    metadata,
    _key(),
    _word("project"),
    _word("name"),
    _word("cloud"),
    _word("status"),
    _word("profile_id"),
    _moment("init_at"),
    _moment("created_at", null=True),
    _moment("updated_at", null=True),
    _body(),
    Index("clusters_by_name", "project", "name"),
    Index("clusters_by_change", "updated_at"),
)

solos = Table(
    "solos",
    metadata,
    _key(),
    _word("project"),
    _word("name"),
    _word("cloud"),
    _word("status"),
    _word("profile_id"),
    _moment("init_at"),
    _moment("created_at", null=True),
    _moment("updated_at", null=True),
    _body(),
    Index("solos_by_change", "updated_at"),
)

nodes = Table(
    "nodes",
    metadata,
    _key(),
    _word("project"),
    _word("cluster_id", null=True),
    _word("home", null=True),
    _word("name"),
    _word("status"),
    _word("profile_id"),
    _number("index"),
    _moment("init_at"),
    _moment("created_at", null=True),
    _moment("updated_at", null=True),
    _body(),
    Index("nodes_by_place", "cluster_id", "index"),
    Index("nodes_by_name", "project", "name"),
    Index("nodes_by_home", "home"),
)

profiles = Table(
    "profiles",
    metadata,
    _key(),
    _word("project"),
    _word("name"),
    _word("type"),
    _moment("created_at", null=True),
    _moment("updated_at", null=True),
    _body(),
    Index("profiles_by_name", "project", "name"),
)

policies = Table(
    "policies",
    metadata,
    _key(),
    _word("project"),
    _word("name"),
    _word("type"),
    _moment("created_at"),
    _moment("updated_at", null=True),
    _body(),
    Index("policies_by_name", "project", "name"),
)

bindings = Table(
    "bindings",
    metadata,
    _key(),
    _word("project"),
    _word("cluster_id"),
    _word("policy_id"),
    _word("policy_name"),
    _word("policy_type"),
    _number("enabled"),
    _number("priority"),
    _body(),
    Index("bindings_by_cluster", "cluster_id"),
    Index("bindings_by_policy", "policy_id"),
)

receivers = Table(
    "receivers",
    metadata,
    _key(),
    _word("project"),
    _word("user"),
    _word("name"),
    _word("type"),
    _word("cluster_id", null=True),
    _word("action", null=True),
    _moment("created_at"),
    _body(),
    Index("receivers_by_name", "project", "name"),
    Index("receivers_by_cluster", "cluster_id"),
)

messages = Table(
    "messages",
    metadata,
    _key(),
    _word("project"),
    _word("queue"),
    _moment("created_at"),
    _body(),
    Index("messages_by_queue", "queue", "created_at"),
)

engines = Table("engines", metadata, _key(), _word("host"), _moment("seen_at"), _body())

clouds = Table("clouds", metadata, _key(), _word("name"), _moment("created_at"), _body())

enrolments = Table(
    "enrolments",
    metadata,
    _key(),
    _word("name"),
    _moment("created_at"),
    _moment("expires_at", null=True),
    _body(),
)

actions = Table(
    "actions",
    metadata,
    _key(),
    _word("project"),
    _word("cluster_id", null=True),
    _word("target"),
    _word("name"),
    _word("action"),
    _word("cause"),
    _word("status"),
    _word("parent", null=True),
    _moment("created_at"),
    _moment("updated_at", null=True),
    _moment("ended_at", null=True),
    _body(),
    Index("actions_by_cluster", "cluster_id", "status"),
    Index("actions_by_target", "target"),
    Index("actions_by_age", "created_at"),
)

vclusters = Table(
    "vclusters",
    metadata,
    _key(),
    _word("project"),
    _word("name"),
    _word("cloud"),
    _word("status"),
    _moment("init_at"),
    _moment("created_at", null=True),
    _moment("updated_at", null=True),
    _body(),
    Index("vclusters_by_name", "project", "name"),
)

reservations = Table(
    "reservations",
    metadata,
    _key(),
    _word("project"),
    _word("cloud"),
    _word("owner"),
    _word("host"),
    _moment("created_at"),
    _body(),
    Index("reservations_by_cloud", "cloud"),
    Index("reservations_by_owner", "owner"),
)

machines = Table(
    "machines",
    metadata,
    _key(),
    _word("name"),
    _word("cluster"),
    _word("status"),
    _moment("created_at"),
    _moment("updated_at", null=True),
    _body(),
    Index("machines_by_name", "name"),
)

machine_tokens = Table(
    "machine_tokens",
    metadata,
    _key(),
    _moment("created_at"),
    _moment("expire_at"),
    _body(),
)

machine_templates = Table(
    "machine_templates",
    metadata,
    _key(),
    _word("name"),
    _moment("created_at"),
    _body(),
    Index("machine_templates_by_name", "name"),
)

server_clusters = Table(
    "server_clusters",
    metadata,
    _key(),
    _word("name"),
    _word("status"),
    _moment("created_at"),
    _body(),
    Index("server_clusters_by_name", "name"),
)

# One row per number that a machine bears among those that share disks; the number is in the id.
host_numbers = Table(
    "host_numbers",
    metadata,
    _key(),
    _word("domain"),
    _word("machine_id"),
    _number("number"),
    _body(),
    Index("host_numbers_by_domain", "domain"),
)

warnings = Table(
    "warnings",
    metadata,
    _key(),
    _word("scope"),
    _moment("last_at"),
    _body(),
    Index("warnings_by_scope", "scope"),
)

inventory = Table(
    "inventory",
    metadata,
    _key(),
    _word("kind"),
    _word("cluster"),
    _word("server"),
    _word("project"),
    _word("parent"),
    _word("name"),
    _body(),
    Index("inventory_by_kind", "kind", "cluster", "name"),
    Index("inventory_by_cluster", "cluster"),
)

stocktakes = Table(
    "stocktakes",
    metadata,
    _key(),
    _word("cluster"),
    _body(),
)

desired = Table(
    "desired",
    metadata,
    _key(),
    _body(),
)

bulks = Table(
    "bulks",
    metadata,
    _key(),
    _word("cluster_id"),
    _word("status"),
    _moment("created_at"),
    _body(),
    Index("bulks_by_cluster", "cluster_id", "created_at"),
)

probes = Table(
    "probes",
    metadata,
    _key(),
    _word("cluster_id"),
    _word("condition"),
    _body(),
    Index("probes_by_cluster", "cluster_id"),
)

decisions = Table(
    "decisions",
    metadata,
    _key(),
    _word("project"),
    _word("cluster_id"),
    _word("verdict"),
    _moment("at"),
    _moment("last_at"),
    _body(),
    Index("decisions_by_cluster", "cluster_id", "at"),
    Index("decisions_by_age", "last_at"),
)

pushed = Table("pushed", metadata, _key(), _word("project"), _moment("at"), _body())

loads = Table(
    "loads",
    metadata,
    _key(),
    _word("project"),
    _word("cluster_id"),
    _moment("at"),
    _body(),
    Index("loads_by_cluster", "cluster_id", "at"),
)

flavors = Table(
    "flavors",
    metadata,
    _key(),
    _word("project"),
    _word("name"),
    _moment("created_at", null=True),
    _body(),
)

keypairs = Table(
    "keypairs",
    metadata,
    _key(),
    _word("project"),
    _word("user"),
    _word("name"),
    _moment("created_at"),
    _body(),
    Index("keypairs_by_name", "project", "name"),
)

tokens = Table(
    "tokens",
    metadata,
    _key(),
    _word("project"),
    _word("user"),
    _word("digest"),
    _moment("created_at"),
    _moment("expires_at", null=True),
    _body(),
    Index("tokens_by_digest", "digest"),
)

events = Table(
    "events",
    metadata,
    Column("seq", NUMBER, primary_key=True, autoincrement=True),
    _word("id"),
    _word("project"),
    _word("cluster_id", null=True),
    _word("oid"),
    _word("oname"),
    _word("otype"),
    _word("kind"),
    _word("level"),
    _word("action"),
    _word("status"),
    _moment("timestamp"),
    _body(),
    Index("events_by_id", "id", unique=True),
    Index("events_by_age", "timestamp"),
    Index("events_by_cluster", "cluster_id", "timestamp"),
    Index("events_by_object", "oid"),
    sqlite_autoincrement=True,  # the number of a trimmed event is never given again
)

# One row per cluster that wants a look; `fence` and `owner` say who looks now.
marks = Table(
    "marks",
    metadata,
    _key("cluster_id"),
    _word("owner", null=True),
    _number("version"),
    _number("at_once"),  # 1: asked for without a time; `due` is then when it was asked
    _moment("due"),
    _number("fence"),
    _moment("until", null=True),
    Index("marks_by_due", "due"),
)

# Where pages of lists ended, by what was asked for. See Note [Where pages end].
pages = Table("pages", metadata, _key(), _moment("at"), _body(), Index("pages_by_age", "at"))

leases = Table("leases", metadata, _key("name"), _word("owner"), _moment("until"))

settings = Table("settings", metadata, _key("name"), _word("value"))

# PostgreSQL only: bumped by whoever adds a row whose name has to be unique.
guards = Table("guards", metadata, _key("name"), _number("turn"))

fences = Sequence("fences", metadata=metadata)  # SQLite counts in `settings`
