"""The surface of provisioning: machines and what clusters of them are made of."""
