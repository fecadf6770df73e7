"""trueup: keeps SaaS connectors in the state that a team declared."""

__version__ = "0.1.0"
