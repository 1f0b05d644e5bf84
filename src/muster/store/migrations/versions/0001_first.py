"""The first schema: nouns, events, marks, leases, settings."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Per table: words, numbers and moments; a "?" says that it may be absent.
NOUNS = {
    "clusters": (
        "project name cloud status profile_id",
        "init_at created_at? updated_at?",
    ),
    "nodes": (
        "project cluster_id? home? name status profile_id",
        "index init_at created_at? updated_at?",
    ),
    "solos": (
        "project name cloud status profile_id",
        "init_at created_at? updated_at?",
    ),
    "profiles": ("project name type", "created_at? updated_at?"),
    "policies": ("project name type", "created_at updated_at?"),
    "bindings": ("project cluster_id policy_id policy_name policy_type", "enabled priority"),
    "receivers": ("project user name type cluster_id? action?", "created_at"),
    "messages": ("project queue", "created_at"),
    "engines": ("host", "seen_at"),
    "clouds": ("name", "created_at"),
    "enrolments": ("name", "created_at expires_at?"),
    "actions": (
        "project cluster_id? target name action cause status parent?",
        "created_at updated_at? ended_at?",
    ),
    "vclusters": ("project name cloud status", "init_at created_at? updated_at?"),
    "reservations": ("project cloud owner host", "created_at"),
    "machines": ("name cluster status", "created_at updated_at?"),
    "machine_tokens": ("", "created_at expire_at"),
    "machine_templates": ("name", "created_at"),
    "server_clusters": ("name status", "created_at"),
    "host_numbers": ("domain machine_id", "number"),
    "bulks": ("cluster_id status", "created_at"),
    "desired": ("", ""),
    "warnings": ("scope", "last_at"),
    "inventory": ("kind cluster server project parent name", ""),
    "stocktakes": ("cluster", ""),
    "probes": ("cluster_id condition", ""),
    "decisions": ("project cluster_id verdict", "at last_at"),
    "pushed": ("project", "at"),
    "loads": ("project cluster_id", "at"),
    "flavors": ("project name", "created_at?"),
    "keypairs": ("project user name", "created_at"),
    "tokens": ("project user digest", "created_at expires_at?"),
    "pages": ("", "at"),
}

INDEXES = (
    ("clusters_by_name", "clusters", "project name"),
    ("clusters_by_change", "clusters", "updated_at"),
    ("nodes_by_place", "nodes", "cluster_id index"),
    ("solos_by_change", "solos", "updated_at"),
    ("nodes_by_name", "nodes", "project name"),
    ("nodes_by_home", "nodes", "home"),
    ("policies_by_name", "policies", "project name"),
    ("bindings_by_cluster", "bindings", "cluster_id"),
    ("bindings_by_policy", "bindings", "policy_id"),
    ("receivers_by_name", "receivers", "project name"),
    ("receivers_by_cluster", "receivers", "cluster_id"),
    ("messages_by_queue", "messages", "queue created_at"),
    ("profiles_by_name", "profiles", "project name"),
    ("actions_by_cluster", "actions", "cluster_id status"),
    ("actions_by_target", "actions", "target"),
    ("actions_by_age", "actions", "created_at"),
    ("vclusters_by_name", "vclusters", "project name"),
    ("reservations_by_cloud", "reservations", "cloud"),
    ("reservations_by_owner", "reservations", "owner"),
    ("probes_by_cluster", "probes", "cluster_id"),
    ("machines_by_name", "machines", "name"),
    ("machine_templates_by_name", "machine_templates", "name"),
    ("server_clusters_by_name", "server_clusters", "name"),
    ("host_numbers_by_domain", "host_numbers", "domain"),
    ("warnings_by_scope", "warnings", "scope"),
    ("inventory_by_kind", "inventory", "kind cluster name"),
    ("inventory_by_cluster", "inventory", "cluster"),
    ("bulks_by_cluster", "bulks", "cluster_id created_at"),
    ("decisions_by_cluster", "decisions", "cluster_id at"),
    ("decisions_by_age", "decisions", "last_at"),
    ("loads_by_cluster", "loads", "cluster_id at"),
    ("keypairs_by_name", "keypairs", "project name"),
    ("tokens_by_digest", "tokens", "digest"),
    ("events_by_age", "events", "timestamp"),
    ("events_by_cluster", "events", "cluster_id timestamp"),
    ("events_by_object", "events", "oid"),
    ("marks_by_due", "marks", "due"),
    ("pages_by_age", "pages", "at"),
)


def upgrade() -> None:
    for name, (words, numbers) in NOUNS.items():
        op.create_table(name, _key("id"), *_columns(words, numbers), _body())
    op.create_table(
        "events",
        sa.Column("seq", NUMBER, primary_key=True, autoincrement=True),
        *_columns("id project cluster_id? oid oname otype kind level action status", "timestamp"),
        _body(),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "marks", _key("cluster_id"), *_columns("owner?", "version at_once due fence until?")
    )
    op.create_table("leases", _key("name"), *_columns("owner", "until"))
    op.create_table("settings", _key("name"), *_columns("value", ""))
    op.create_table("guards", _key("name"), *_columns("", "turn"))
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns.split())
    op.create_index("events_by_id", "events", ["id"], unique=True)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.schema.CreateSequence(sa.Sequence("fences")))


def _key(name: str) -> sa.Column[Any]:
    return sa.Column(name, WORD, primary_key=True)


def _body() -> sa.Column[Any]:
    return sa.Column("body", sa.Text(), nullable=False)


def _columns(words: str, numbers: str) -> list[sa.Column[Any]]:
    kinds = [(WORD, each) for each in words.split()] + [(NUMBER, each) for each in numbers.split()]
    return [sa.Column(name.rstrip("?"), kind, nullable=name.endswith("?")) for kind, name in kinds]
