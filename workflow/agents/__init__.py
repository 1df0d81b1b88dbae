"""Agents: each looks at one lead at a time and proposes; a gate decides what becomes of it."""
