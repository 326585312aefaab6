"""What a client's packets ask for: a function for each, by the table in `table`."""
