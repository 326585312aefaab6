"""A trace in columns at any row, backwards as fast as forwards; memory is that of a few parts, however long it is."""
