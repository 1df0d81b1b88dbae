"""The statechart of a lead: its file, its guards, and the pure step from one state to the next."""
