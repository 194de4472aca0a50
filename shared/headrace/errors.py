"""Every error that Headrace raises, one tree.

    HeadraceError
    ├── Undecodable           poison: the record can never be read; it goes to the dead letters
    ├── RegistryUnavailable   the schema registry does not answer; try again, never poison
    ├── RegistryRefused       the schema registry refuses a schema, such as a breaking change
    ├── DatabaseUnavailable   Postgres, or a table that a service makes there, is away; try again
    ├── BodyFault             what is stored as an object is missing, was tampered with, or is refused
    │   └── StoreUnavailable  the object store, which holds bodies of prompts and claims, does not answer; try again
    ├── KafkaUnavailable      the broker does not answer, or does not take a record; try again
    ├── Unanswered            nothing came within the time that the caller gave
    ├── RecordTooLarge        what a decision leads to fits into no record; the decision is another one
    ├── Refused               a service refused a command; nothing changed
    ├── NotFound              a prompt, model, alias, workflow or pointer does not exist
    ├── NodeError             a node's attempt failed; says whether another may help
    └── StackError            a part of the local stack is missing or does not start

A message says what was wrong, where, and what to do; it is written for the person who reads it.
"""

from headrace.events.run import Call, Usage

LONGEST_REASON = 1_000
"""Characters; what others send may be quoted in it."""


class HeadraceError(Exception):
    """The root: catch it at a shell, nowhere else."""


class Undecodable(HeadraceError):
    """A record's value is not an event of ours. The reason goes into events: it is Unicode, and short."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason.encode(errors="backslashreplace").decode()[:LONGEST_REASON])


class RegistryUnavailable(HeadraceError):
    """The schema registry can't be reached, or answers with a server error."""


class RegistryRefused(HeadraceError):
    """The schema registry answered, and refused."""


class DatabaseUnavailable(HeadraceError):
    """Postgres does not answer, or a service has not made its tables yet; nothing was lost, try again.

    The message names what was asked: the call journal, the ledger of budgets, or the tables of runs.
    """


class BodyFault(HeadraceError):
    """A stored object can't be used. The message names bucket, key and version, and nothing of what it holds.

    code: body_missing, body_tampered, body_refused when access or the key is, or store_unavailable; of a payload that
    travels by reference claim_missing and so on.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class StoreUnavailable(BodyFault):
    """The object store does not answer, or fails; nothing is known of the object."""

    def __init__(self, message: str) -> None:
        super().__init__("store_unavailable", message)


class KafkaUnavailable(HeadraceError):
    """Kafka can't be reached, or does not take a record."""


class Unanswered(HeadraceError):
    """What a caller waited for did not come in time."""


class RecordTooLarge(HeadraceError):
    """What a decision leads to fits into no record."""

    def __init__(self, topic: str, size: int, most: int) -> None:
        super().__init__(f"a record for {topic} would have {size} bytes, at most {most} are allowed")


class Refused(HeadraceError):
    """A service refused a command."""


class NotFound(HeadraceError):
    """A named resource does not exist.

    code: stable error code, such as workflow_not_found or pointer_not_found.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NodeError(HeadraceError):
    """A node's attempt failed.

    code: stable error code, such as provider_timeout.
    retryable: whether another attempt may help; decided where the fault is understood.
    usage, calls: what the attempt consumed all the same.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        usage: Usage | None = None,
        calls: tuple[Call, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.usage = usage
        self.calls = calls


class StackError(HeadraceError):
    """A part of the local stack is missing, does not start, or its port is taken."""


def mistake(error: Exception) -> str:
    """What users are told of a mistake in the program, without the error's words, in which a secret may stand."""
    return f"a mistake in Headrace ({type(error).__name__}): please report it, with what the service's log says"
