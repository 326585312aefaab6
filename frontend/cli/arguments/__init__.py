"""What each command takes, and how it is begun: a light file a command, so that ``--help`` loads no heavy room."""
