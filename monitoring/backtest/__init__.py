"""What another policy would have done with recorded decisions, and what that is worth."""
