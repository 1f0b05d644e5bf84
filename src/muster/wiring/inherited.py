"""What a server that was started in the background does not hand down."""

import signal

_FROM_A_TERMINAL = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


# Note [Deaf children]
# A script that starts us with `&`, or `nohup`, has us ignore what a terminal sends, and what is
# ignored stays so in every program that we start: nobody could interrupt a command in a shell
# of an instance. What is heard, and not acted upon, begins anew with each program.
def keep_deafness_to_ourselves() -> None:
    """Go on without the signals we were told to ignore, but let our children have them.

    See Note [Deaf children].
    """
    for each in _FROM_A_TERMINAL:
        if signal.getsignal(each) is signal.SIG_IGN:
            signal.signal(each, lambda number, frame: None)
