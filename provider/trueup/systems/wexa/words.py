"""The words of Wexa's reasons, by code."""

from __future__ import annotations

from typing import Final

from trueup.core.reasons import Wording

WORDS: Final = {
    "wexa/status-pending": Wording(
        "it reads pending, which may be on the way", advice="Wait, and look again; nothing is sent meanwhile."
    ),
    "wexa/status-unmapped": Wording(
        "it reads {status}, and Wexa publishes no mapping to the words it takes",
        advice="Look at the connector in Wexa, or send the declared status again.",
    ),
    "wexa/connector-cannot-change": Wording(
        "Wexa documents no way to change {fields} of a connector; this one is {id}, called {name}.",
        "Put that into {door.manifest}.",
    ),
    "wexa/config-not-declared": Wording(
        "change_status requires the whole configuration, and dataLoaderConfig is not declared: this connector is only "
        "observed.",
        "Declare dataLoaderConfig to let its status be set.",
    ),
    "wexa/status-not-declared": Wording(
        "change_status requires a status, none is declared, and the live one is not a word it takes.",
        "Declare status.",
    ),
    "wexa/no-connector": Wording(
        "project {project} has no connector {name}, and Wexa documents no way to create one. {known}",
        "Name one that exists, or create it in Wexa.",
    ),
    "wexa/no-connectors": Wording("The project has no connectors.", advice="Create one in Wexa."),
}
