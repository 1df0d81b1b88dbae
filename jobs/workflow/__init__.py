"""Use cases of the workflow: events are taken, timers fire, people act, a plan is rehearsed."""
