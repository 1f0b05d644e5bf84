"""How Alembic runs our migrations: over the connection and in the transaction it is given."""

from alembic import context

from muster.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
