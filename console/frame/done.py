"""What pages say after something was done: fixed sentences, so that no address puts words there."""

DONE = {
    "promoted": "Promoted. Services follow within a second.",
    "waiting": "Requested: a second person completes it under Models.",
    "approved": "Approved: the version is champion.",
    "rolled_back": "Rolled back: what was in force before is in force again.",
    "rollout_started": "The rollout is under way.",
    "rollout_advanced": "The rollout is one step further.",
    "rollout_held": "The rollout is on hold.",
    "rollout_released": "The rollout goes on.",
    "rollout_aborted": "The rollout is ended: the champion answers all.",
    "registered": "Registered as a candidate.",
    "replayed": "Quarantine was tried again.",
    "acted": "Done: the lead stands as below.",
    "overridden": "The override is in force: decisions follow within a second.",
    "override_withdrawn": "The override is ended: the policy decides again.",
    "split": "The identifiers are set apart; states are made anew.",
}


def done_text(name: str) -> str:
    """The sentence of something that was done; one for all that is not known."""
    return DONE.get(name, "Done.")
