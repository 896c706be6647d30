#!/usr/bin/env bash
# Puts the ONNX Runtime library into .tools/onnxruntime/ and prints its path. The library comes
# from the PyPI wheel, whose sha256 is pinned here. Does nothing when it is already there.
set -euo pipefail

version=1.32.0
case "$(uname -m)" in
x86_64)
    platform=manylinux_2_28_x86_64
    wheel_sha256=5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d
    ;;
aarch64)
    platform=manylinux_2_28_aarch64
    wheel_sha256=2303372a85299b6757b0e11e1cbf13e410ddf7e10c37f4b37e99d1c90e7daf7c
    ;;
*)
    echo "onnxruntime.sh: no pinned wheel for $(uname -m)" >&2
    exit 1
    ;;
esac

folder="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.tools/onnxruntime"
library="$folder/libonnxruntime.so.$version"
if [[ -f "$library" ]]; then
    echo "$library"
    exit 0
fi

as_root() { if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi; }

if ! python3 -m pip --version >/dev/null 2>&1; then
    {
        as_root apt-get update
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y python3-pip
    } >&2
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# The tags name one wheel for any Python: the library inside does not depend on it.
python3 -m pip download --quiet --no-deps --no-cache-dir --disable-pip-version-check \
    --only-binary=:all: --implementation cp --python-version 311 --abi cp311 \
    --platform "$platform" --dest "$work" "onnxruntime==$version" >&2
wheel="$work/onnxruntime-$version-cp311-cp311-$platform.whl"
echo "$wheel_sha256  $wheel" | sha256sum --check --quiet >&2

python3 - "$wheel" "onnxruntime/capi/libonnxruntime.so.$version" "$work/library" <<'PYTHON'
import sys, zipfile
wheel, member, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive, open(target, "wb") as out:
    out.write(archive.read(member))
PYTHON
mkdir -p "$folder"
# One rename, so that an interrupted run leaves no half library behind.
mv "$work/library" "$library.$$" && mv "$library.$$" "$library"
echo "$library"
