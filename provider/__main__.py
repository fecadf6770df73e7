"""What Pulumi runs for this folder: `python provider ENGINE_ADDRESS`, by PulumiPlugin.yaml."""

from trueup.plugin.serve import main

main()
