"""Settings, and the files of rules that a home may have of its own."""
