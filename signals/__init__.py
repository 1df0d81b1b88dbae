"""What happened: contracts, quarantine, identity, the event log, feature-state updates."""
