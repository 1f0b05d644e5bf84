"""The cloud of Incus servers, single or clustered, over their REST API."""
