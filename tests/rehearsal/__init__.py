"""Rehearsals: how often verdicts and alarms are wrong, over many simulated rollouts and worlds."""
