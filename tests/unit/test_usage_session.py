"""For how long a meter may take itself for the one that counts."""

import pytest

from usage_meter.session import Session, SessionLost


def test_who_says_in_time_that_he_runs_keeps_his_session() -> None:
    clock = iter([0.0, 10.0, 20.0])
    session = Session(10, lambda: next(clock))
    session.renew()
    session.renew()


def test_who_stood_still_for_longer_than_the_time_out_has_lost_it() -> None:
    # given a process that ran until 5 s
    clock = iter([0.0, 5.0, 15.5])
    session = Session(10, lambda: next(clock))
    session.renew()
    # when it is frozen, and wakes up after more than 10 s
    # then it is told
    with pytest.raises(SessionLost, match=r"stood still for 10\.5 s, longer than its session of 10\.0 s"):
        session.renew()
