"""Provisioning: machines, the tokens by which they register, templates of clusters of them."""
