#!/usr/bin/env bash
# Makes a Python with the packages of a requirements file, that of the model example unless another
# is named, in .tools/python-<hash>, and prints its path. The packages are pinned by version and
# sha256. Does nothing when it is already there.
#   "$(scripts/python.sh)" examples/bring-your-own-model/export.py --help
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

requirements="${1:-examples/bring-your-own-model/requirements.txt}"

scripts/need.sh python3
version="$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "python.sh: python3 is $version, the pinned NumPy needs 3.11 or later" >&2
    exit 1
fi

# Another version of Python needs other wheels, so it gets a folder of its own.
hash="$({ echo "$version"; cat "$requirements"; } | sha256sum | cut -c1-12)"
folder="$PWD/.tools/python-$hash"
if [[ -x "$folder/bin/python" ]]; then
    echo "$folder/bin/python"
    exit 0
fi

if ! python3 -m pip --version >/dev/null 2>&1; then
    scripts/need.sh python3-pip:pip3
fi
mkdir -p .tools
unfinished="$(mktemp -d "$folder.XXXXXX")"
trap 'rm -rf "$unfinished"' EXIT
# Without a pip of its own: Debian keeps that in a package apart, and the outer one can do it.
python3 -m venv --without-pip "$unfinished" >&2
python3 -m pip --python "$unfinished/bin/python" install --quiet --disable-pip-version-check \
    --no-cache-dir --only-binary=:all: --require-hashes --requirement "$requirements" >&2
# One rename, so that an interrupted run leaves no half environment behind. When another run was
# faster, its own is as good.
mv -T "$unfinished" "$folder" 2>/dev/null || [[ -x "$folder/bin/python" ]]
echo "$folder/bin/python"
