"""Where leads wait: one row a lead, its timers, the journal of its transitions."""
