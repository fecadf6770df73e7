"""The organisation of examples/organisation, which `trueup plan` reads as well, as a Pulumi program."""

import pulumi

from trueup.pulumi import ConfigFile

organisation = ConfigFile("organisation", "../organisation")
pulumi.export("runbooks", organisation.resources["den/ConnectorInstance/runbooks"].id)
