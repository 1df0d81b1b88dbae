"""The use cases: what command line, service, worker and schedule do."""
