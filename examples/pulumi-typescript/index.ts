// The small organisation in TypeScript, with the typed SDK of sdk/nodejs.
import * as pulumi from "@pulumi/pulumi";
import * as trueup from "@trueup/pulumi";

const acme = new trueup.den.ConnectorAccount("acme", { remoteId: "1001", displayName: "acme" });
const docs = new trueup.den.ConnectorInstance("runbooks", {
    connectorAccount: acme.id,
    remoteId: "acme/runbooks",
    status: trueup.types.enums.den.ConnectorInstanceStatus.Active,
    config: { branch: "main", path: "docs" },
});
const main = new trueup.den.ConnectorTarget("runbooks-main", {
    connectorInstance: docs.id,
    remoteId: "acme/runbooks",
    externalTargetRef: "main",
    config: { repositoryFullName: "acme/runbooks", branch: "main", ref: "refs/heads/main" },
});
new trueup.den.ConnectorMapping("runbooks-skills", {
    connectorTarget: main.id,
    mappingKind: "path",
    selector: "skills/**",
    objectType: "skill",
});
new trueup.den.ConnectorAccess("runbooks-platform", {
    connectorInstance: docs.id,
    team: "Platform",
    role: "manager",
});
new trueup.den.ConnectorInstance("pricing", {
    connectorAccount: acme.id,
    remoteId: "acme/pricing",
    status: "disabled",
});
new trueup.wexa.Connector("crm", {
    projectId: "68063653fc2e1fb859700001",
    status: "active",
    dataLoaderConfig: {
        source: "mongodb",
        batchSize: 500,
        auth: { username: "reader", password: pulumi.secret("made-up-for-the-sandbox") },
    },
});

export const runbooks = docs.id;
