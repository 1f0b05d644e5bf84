"""Virtual clusters: what is wrong with a request, and what it is as a placement problem."""
