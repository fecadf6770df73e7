"""Wexa as a System: its credentials act in many projects, and each connector names its own."""

from __future__ import annotations

from typing import Final

from trueup.systems.system import EmbeddedServer, System, Tenant
from trueup.systems.wexa import connection, connector
from trueup.systems.wexa.dialect import WexaDialect
from trueup.systems.wexa.functions import FUNCTIONS
from trueup.systems.wexa.words import WORDS


class Project(Tenant):
    """A project of Wexa."""

    setting = "project"
    pattern = connector.PROJECT_ID
    title = "a project of Wexa"
    form = "24 lowercase hex digits"
    shown_where = "Wexa shows it in the URL of the project."
    doc = "The project this is meant for: connectors of another one are refused before anything is planned."
    field = "projectId"


SYSTEM: Final = System(
    "wexa",
    "Wexa",
    connection.URL,
    (connection.KIND, connector.KIND),
    WexaDialect,
    Project(),
    FUNCTIONS,
    embedded=EmbeddedServer("trueup.sandbox", ("--preset", "demo"), "sandbox"),
    reasons=WORDS,
)
