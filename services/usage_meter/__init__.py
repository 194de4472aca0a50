"""Usage meter: what calls of models take, a minute at a time, by model, prompt, workflow and tenant; and alerts.

in     model.calls
out    usage.windows, usage.alerts
state  two tables of Faust in memory, with a changelog each
rule   for looking at: nothing that must be exact depends on it. One process counts, others stand by

    core/         windows and how long they are kept, spending, alerts: pure
    windows.py    the table of windows
    spendings.py  the table of what budgets spent
    turns.py      which process counts
    session.py    how long that holds
    app.py        faust, set up for its one job
    meter.py      that job: the stream
    publisher.py  what leaves the meter
"""
