"""The pages, a module for each subject: what they read, what they do."""
