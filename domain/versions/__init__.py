"""What a registered version is made of: manifests, profiles, golden rows, tables."""
