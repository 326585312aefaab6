"""The screen: the view, its panes and keys, on prompt_toolkit."""
