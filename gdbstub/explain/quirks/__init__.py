"""Known departures of platforms from the architecture: the table, and how a deviation finds its row."""
