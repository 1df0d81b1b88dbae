"""What an export's columns seem to be, with the evidence: mappings are proposed, never applied."""
