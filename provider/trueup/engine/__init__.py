"""The loop: read, match, compare, plan, apply, verify and recover."""
