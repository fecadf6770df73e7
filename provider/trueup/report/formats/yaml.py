"""Manifests, as `trueup import` writes them."""

from trueup.report.format import Format

FORMAT = Format("yaml", "application/yaml", {"manifests": "trueup.importing:text_of"})
