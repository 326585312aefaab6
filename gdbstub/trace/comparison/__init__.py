"""Two traces beside each other: where they part, and what that means."""
