"""Who is asking: nobody in particular, a users file, tokens."""
