"""Clusters of machines: their documents, what a machine gets, what speaks against one."""
