"""The types and statuses of sync events. Both lists follow the API's published document."""

from __future__ import annotations

TYPES = ("push", "installation", "installation_repositories", "repository", "manual_resync")
STATUSES = ("pending", "queued", "running", "completed", "failed", "partial", "ignored")
