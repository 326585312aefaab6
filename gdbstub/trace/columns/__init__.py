"""Traces as columns: a Parquet dataset that is complete up to its last second, whatever ends the writer."""
