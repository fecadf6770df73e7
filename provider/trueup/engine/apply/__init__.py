"""Plan -> calls: ordered by what needs what, side by side where nothing does, never two writes of one resource.

Every call is written down before it is sent (`journal`), so that a crash is found out by looking. After the calls
everything that was touched is read again (`verify`): what reads back otherwise is either how the server says what we
wrote (learned), on its way, or undone by somebody meanwhile (contended): that is tried once more and then reported.
"""

from trueup.engine.apply.applier import Applier
from trueup.engine.apply.journal import Journal
from trueup.engine.apply.outcome import Outcome, Report

__all__ = ["Applier", "Journal", "Outcome", "Report"]
