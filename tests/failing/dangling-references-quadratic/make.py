"""python3 make.py 10000 > den.yaml"""

import sys

one = (
    "apiVersion: den.trueup.dev/v1\nkind: ConnectorInstance\nmetadata: {name: i%d}\n"
    "spec: {connectorAccount: acme, remoteId: r}\n"
)
print("---\n".join(one % number for number in range(int(sys.argv[1]))))
