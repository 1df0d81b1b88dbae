"""Commands that keep a home going: services, the loop, alarms, reports, keys."""
