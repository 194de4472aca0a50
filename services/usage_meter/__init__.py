"""Usage meter: what calls of models take, a minute at a time, by model, prompt, workflow and tenant; and alerts.

in     model.calls
out    usage.windows, usage.alerts; usage.measures, which it reads again
state  two tables of Faust in memory, with a changelog each
rule   for looking at: each call is counted at least once, and nothing that must be exact depends on it

    core/      windows, spending and alerts, pure
    meter.py   the streams: faust's one job
"""
