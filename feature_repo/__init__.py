"""Features, online and offline from one definition, over Feast."""
