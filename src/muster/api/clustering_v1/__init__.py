"""The clustering API: routes, bodies, render."""
