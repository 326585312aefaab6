"""Asking a trace by SQL: its tables as views of DuckDB, which sees nothing else of this machine."""
