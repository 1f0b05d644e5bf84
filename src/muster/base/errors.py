"""Every error Muster raises.

MusterError            code: stable, listed in the reference; text: for people; details: for logs
  Refused              the caller asked for something we will not do
    Invalid            the request contradicts itself, names the field           400
      Malformed        a specification says what its schema does not allow       400
    Unknown            we do not know who is asking                              401
    Forbidden          we know, and he may not                                   403
    QuotaExceeded      more than the limit allows                                403
    NotFound           the named thing is not there, or not yours                404
    Conflict           the thing is busy, or the name is taken                   409
      StalePlan        what was planned is no longer what would happen           409
      Changed          it is no longer as the caller has seen it                  412
      Unplaceable      it is proved that no hosts will do, and why               409
      Undecided        time was up before hosts were found or proved not to be   409
    Unsupported        this cloud cannot do that, and why                        400
      Lacking          a machine is not able to be so, and why                   409
    TooOften           asked for more often than is allowed                      429
  DriverError          a cloud said no, or said nothing
    Transient          the same call may succeed later
    Permanent          the same call will never succeed
  StoreError           the database's doing
    Stale              somebody else wrote first; gather again
    Unavailable        the database does not answer, or its disk is full         503
    SchemaMismatch     the database was written by another version
  Bug                  Muster broke one of its own rules
    IllegalTransition
"""


class MusterError(Exception):
    """Base of all the above. `code` is stable and documented; the text is not."""

    code = "error"

    def __init__(self, text: str, **details: object) -> None:
        super().__init__(text)
        self.text = text
        self.details = details


class Refused(MusterError):
    code = "refused"


class Invalid(Refused):
    """`details["field"]` names the field at fault, as the caller spelled it."""

    code = "invalid"


class Malformed(Invalid):
    """`details["field"]` names the item at fault."""

    code = "malformed"


class Unknown(Refused):
    code = "unknown_caller"


class Forbidden(Refused):
    code = "forbidden"


class QuotaExceeded(Refused):
    code = "quota_exceeded"


class NotFound(Refused):
    code = "not_found"


class Conflict(Refused):
    code = "conflict"


class StalePlan(Conflict):
    code = "stale_plan"


class Changed(Conflict):
    code = "changed"


class Unplaceable(Conflict):
    """`details["answer"]` is the proof, and the ways out: `Impossible` of model/placing.py."""

    code = "unplaceable"


class Undecided(Conflict):
    """`details["answer"]` is how far the search came: `Undecided` of model/placing.py."""

    code = "undecided"


class Unsupported(Refused):
    code = "unsupported"


class Lacking(Unsupported):
    code = "lacking"


class TooOften(Refused):
    """`details["retry_after_s"]` is how long to wait."""

    code = "too_often"


class DriverError(MusterError):
    code = "driver"


class Transient(DriverError):
    code = "driver.transient"


class Permanent(DriverError):
    code = "driver.permanent"


class StoreError(MusterError):
    code = "store"


class Stale(StoreError):
    code = "store.stale"


class Unavailable(StoreError):
    code = "store.unavailable"


class SchemaMismatch(StoreError):
    code = "store.schema"


class Bug(MusterError):
    code = "bug"


class IllegalTransition(Bug):
    code = "bug.illegal_transition"
