"""HTTP; surfaces that do not know each other."""
