"""Commands about what decisions are worth."""
