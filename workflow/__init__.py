"""What follows a decision: the statechart of a lead, its timers, owners, effects, and agents."""
