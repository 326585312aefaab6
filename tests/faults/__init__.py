"""Faults from outside: sick and hostile stubs, clients, files, signals. What must hold is in `tests.faults.verdict`.

The gate runs a slice (`test_faults.py`); all of it is ``make lab-faults``.
"""
