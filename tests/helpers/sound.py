"""Manifests without a fault, one for a kind."""

from __future__ import annotations

ACCOUNT = """\
apiVersion: den.trueup.dev/v1
kind: ConnectorAccount
metadata: {name: acme}
spec: {remoteId: "1001", displayName: " Acme "}
"""
INSTANCE = """\
# yaml-language-server: $schema=../schemas/manifest.schema.json
apiVersion: den.trueup.dev/v1
kind: ConnectorInstance
metadata:
  name: docs
  labels: {team: web, tier: "1"}
  annotations: {why: "because"}
spec:
  connectorAccount: acme
  remoteId: acme/docs
  status: active
  config:
    branch: main
    depth: 3
    ratio: 0.5
    recursive: true
    nothing: null
    paths: [docs, {glob: "*.md"}]
  autoImportNewPlugins: false
"""
CONNECTOR = """\
apiVersion: wexa.trueup.dev/v1
kind: Connector
metadata: {name: crm}
spec:
  projectId: 68063653fc2e1fb8597c7700
  dataLoaderConfig:
    source: crm
    batchSize: 100
    auth:
      username: reader
      password: {valueFrom: {env: CRM_PASSWORD}}
      certificate:
        valueFrom:
          file: crm.pem
      token: {valueFrom: {exec: [sops, -d, crm.yaml]}}
      other: {valueFrom: {exec: {command: [vault], timeout: 5}}}
"""
