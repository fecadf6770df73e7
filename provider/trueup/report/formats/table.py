"""A table of live resources, for people."""

from trueup.report.format import Format

FORMAT = Format("table", "text/plain", {"live": "trueup.report.got:render"}, for_people=True)
