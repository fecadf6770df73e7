"""Apply a plan: calls ordered by dependency, in parallel where independent, never two writes of one resource.

Every call is recorded before it is sent (`journal`), so that after a crash its outcome is determined by looking. After
the calls everything touched is read again (`verify`). A value that reads back otherwise is the server's normal form
(learned), not settled yet, or undone by someone else (contended); that is retried once and then reported.
"""

from trueup.engine.apply.applier import Applier
from trueup.engine.apply.journal import Journal
from trueup.engine.apply.outcome import Outcome, Report

__all__ = ["Applier", "Journal", "Outcome", "Report"]
