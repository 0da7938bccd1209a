#!/usr/bin/env bash
# Package: numba-cuda 0.30.3 and 0.30.4 with numba 0.68.1 and 0.65.0, NumPy 2.5.5 and 2.4.6, without a GPU. Python 3.12.
#          Seen 2026-11-29.
# Guess:   it asks for numba 0.60 or later, so the numba of the day will do; only NumPy 2.5, which has no row_stack, can break it.
# Truth:   numba 0.66 and later leave out a type that numba-cuda up to 0.30.3 looks for: the import fails with an AttributeError under
#          any NumPy, `pip check` finds all in order, and `import numba` alone works. 0.30.4 or numba 0.65 does it.
# Seen:    numba-cuda 0.30.3, numba 0.68.1, NumPy 2.5.5: AttributeError: module 'numba.cuda.types' has no attribute 'NPDatetime';
#          with NumPy 2.4.6 the same; numba 0.65.0, NumPy 2.4.6: imported; numba-cuda 0.30.4, numba 0.68.1, NumPy 2.5.5: imported
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3.12 -m venv venv
attempt() {
    venv/bin/pip install --quiet --disable-pip-version-check "numba-cuda==$1" "numba==$2" "numpy==$3"
    venv/bin/pip check > /dev/null
    seen=$(venv/bin/python -c 'import numba; import numba.cuda; print("imported")' 2>&1 | tail -n 1 || true)
    echo "numba-cuda $1, numba $2, NumPy $3: $seen"
    [[ "$seen" == $4 ]] || { echo "the behaviour has changed"; exit 1; }
}
attempt 0.30.3 0.68.1 2.5.5 "AttributeError: *NPDatetime*"
attempt 0.30.3 0.68.1 2.4.6 "AttributeError: *NPDatetime*"
attempt 0.30.3 0.65.0 2.4.6 imported
attempt 0.30.4 0.68.1 2.5.5 imported
