"""The surface of virtual clusters: servers and volumes asked for as one."""
