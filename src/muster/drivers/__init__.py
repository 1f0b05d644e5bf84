"""The other ports, kept; one package per kind of cloud, balancer, DNS and identity."""
