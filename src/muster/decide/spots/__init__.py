"""Where nodes of clusters stand: a host for each new one, another for who has to leave one."""
