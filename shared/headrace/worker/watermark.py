"""Which offset of a partition may be committed while requests end out of order."""


class Watermark:
    """The contiguous watermark: everything below it has ended."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._next = 0
        self._committed = 0

    def begin(self, offset: int) -> None:
        """A request was taken; offsets come in ascending order."""
        self._open.add(offset)
        self._next = offset + 1

    def end(self, offset: int) -> None:
        """Its outcome has arrived."""
        self._open.discard(offset)

    @property
    def idle(self) -> bool:
        """Whether all that were taken, and there were some, have ended."""
        return self._next > 0 and not self._open

    def skip_to(self, position: int) -> None:
        """Nothing but markers of transactions stands before this offset any more; only for an idle mark."""
        self._next = max(self._next, position)

    @property
    def pending(self) -> int | None:
        """The offset to commit now; None when that is done."""
        mark = min(self._open, default=self._next)
        return None if mark == self._committed else mark

    def committed(self, mark: int) -> None:
        """This offset was committed."""
        self._committed = mark
