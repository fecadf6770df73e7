"""Live resources to manifests, for users who start with existing resources.

kinds       words of a command line to kinds
filters     which of the live resources are meant
reading     what is live, each kind once
naming      names that a manifest and a file can have
known       names that a ledger has for what is live
pruning     free values without secrets
describing  one live resource to the manifest that declares it
emit        plain values to YAML
imported    all of them, and the files that they belong into
writing     files into a folder
"""

from trueup.importing.describing import Described, Omission, Style
from trueup.importing.imported import Import, files, manifests, text_of
from trueup.importing.known import Known
from trueup.importing.reading import ImportRequest, LiveResources, main_kind, read

__all__ = [
    "Described",
    "Import",
    "ImportRequest",
    "Known",
    "LiveResources",
    "Omission",
    "Style",
    "files",
    "main_kind",
    "manifests",
    "read",
    "text_of",
]
