"""What the clients do while faults strike: one actor a file, each an honest client that retries what a real one would."""
