"""The small organisation in Python, with the typed SDK of sdk/python."""

import pulumi
from pulumi_trueup import den, wexa

acme = den.ConnectorAccount("acme", remote_id="1001", display_name="acme")
runbooks = den.ConnectorInstance(
    "runbooks",
    connector_account=acme.id,
    remote_id="acme/runbooks",
    status=den.ConnectorInstanceStatus.ACTIVE,
    config={"branch": "main", "path": "docs"},
)
main = den.ConnectorTarget(
    "runbooks-main",
    connector_instance=runbooks.id,
    remote_id="acme/runbooks",
    external_target_ref="main",
    config={"repositoryFullName": "acme/runbooks", "branch": "main", "ref": "refs/heads/main"},
)
den.ConnectorMapping(
    "runbooks-skills",
    connector_target=main.id,
    mapping_kind=den.ConnectorMappingMappingKind.PATH,
    selector="skills/**",
    object_type=den.ConnectorMappingObjectType.SKILL,
)
den.ConnectorAccess("runbooks-platform", connector_instance=runbooks.id, team="Platform", role="manager")
den.ConnectorInstance(
    "pricing",
    connector_account=acme.id,
    remote_id="acme/pricing",
    status=den.ConnectorInstanceStatus.DISABLED,
)
wexa.Connector(
    "crm",
    project_id="68063653fc2e1fb859700001",
    status=wexa.ConnectorStatus.ACTIVE,
    data_loader_config=wexa.DataLoaderConfigArgs(
        source="mongodb",
        batch_size=500,
        auth={"username": "reader", "password": pulumi.Output.secret("made-up-for-the-sandbox")},
    ),
)
pulumi.export("runbooks", runbooks.id)
