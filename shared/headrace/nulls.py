"""What the binding of CEL needs of Python before 3.12.

cel-expr-python 0.1.3 gives away a reference to None that is not its own for each null in a value; when none is left,
Python aborts. Since 3.12 references to None are not counted.
"""

import ctypes
import sys

MORE_THAN_CAN_BE_LOST = 1 << 40


def keep_none() -> None:
    """Give None so many references that it outlasts the process."""
    if sys.version_info < (3, 12):
        ctypes.c_ssize_t.from_address(id(None)).value += MORE_THAN_CAN_BE_LOST
