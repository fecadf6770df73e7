#!/usr/bin/env bash
# Writes the SDKs of a Pulumi package schema: tools/pulumi/generate.sh SCHEMA OUT makes OUT/python and OUT/nodejs anew.
# The same schema gives the same files, byte for byte. Builds the generator when it is not there yet.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
[[ $# == 2 ]] || { echo "usage: tools/pulumi/generate.sh SCHEMA OUT" >&2 && exit 2; }
"$here/build.sh" trueup-generate-sdk
exec "$here/../../.tools/pulumi/bin/trueup-generate-sdk" "$@"
