"""Quality gates on events and batches: rules, profiles and findings."""
