"""The interface of a system, the registry, and Den and Wexa, which are plug-ins like any other."""
