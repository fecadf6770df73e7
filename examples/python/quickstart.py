"""The Python API: what `trueup plan`, `apply` and `drift` do, as calls that return values.

python examples/python/quickstart.py
"""

from pathlib import Path

import trueup

MANIFESTS = Path(__file__).parents[1] / "quickstart"


def main() -> None:
    """Brings the sandbox to what the quickstart declares, and looks whether it stays so."""
    desired = trueup.load(MANIFESTS)  # raises ManifestError, which holds every fault with its place
    options = trueup.Options(parallelism=2)

    found = trueup.plan(desired, options)
    print(f"{found.declared} declared, {len(found.pending)} to be changed, at {found.cost.requests} requests.")
    for step in found.steps:
        print(f"  {step.action:<8} {step.address}")

    report = trueup.apply(desired, options)
    for outcome in report.outcomes:
        print(f"  {outcome.result:<8} {outcome.address}: {', '.join(outcome.made)}")

    after = trueup.drift(desired, options)
    print("Drifted." if after.has_drift else f"In sync: {after.unchanged} of {after.declared}.")


if __name__ == "__main__":
    main()
