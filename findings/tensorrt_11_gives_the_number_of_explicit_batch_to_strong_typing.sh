#!/usr/bin/env bash
# Packages: tensorrt-cu13-bindings 10.16.1.11 and 11.4.0.106, tensorrt-rtx-cu13-bindings 1.4.0.76 and 1.7.1.116. Python 3.11, gcc,
#           readelf; neither GPU nor TensorRT's libraries (2 GB) needed. Seen 2026-11-29.
# Guess:   numbers of flags stay: create_network(1 << 1) is strongly typed wherever it was, and EXPLICIT_BATCH, which is gone from
#          11, leaves bit 0 unused.
# Truth:   STRONGLY_TYPED moves from 1 to 0, where EXPLICIT_BATCH was, and 1 becomes PREFER_JIT_PYTHON_PLUGINS. TensorRT for RTX
#          does the same between 1.4 and 1.7. And the bindings import with empty functions in the libraries' place.
# Seen:    10.16.1: EXPLICIT_BATCH 0, STRONGLY_TYPED 1; 11.4.0: STRONGLY_TYPED 0, PREFER_JIT_PYTHON_PLUGINS 1; RTX 1.4: as 10;
#          RTX 1.7: STRONGLY_TYPED 0 alone
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
cd "$place"
cat > read.py <<'EOF'
import ctypes, importlib.util, pathlib, re, subprocess, sys, zipfile

with zipfile.ZipFile(sys.argv[1]) as wheel:
    (name,) = (n for n in wheel.namelist() if re.search(r"tensorrt\w*\.so$", n))
    path = pathlib.Path(wheel.extract(name))
dynamic, symbols = (
    subprocess.run(["readelf", option, "-W", path], capture_output=True, text=True, check=True).stdout
    for option in ("-d", "--dyn-syms")
)
wanted = re.findall(r"FUNC +GLOBAL DEFAULT +UND ((?:get|create|init)\w+)$", symbols, re.M)
pathlib.Path("empty.c").write_text("".join(f"void *{one}(void) {{ return 0; }}\n" for one in wanted))
for library in re.findall(r"\[(lib(?:nv|tensorrt)[^\]]+)\]", dynamic):
    subprocess.run(["gcc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{library}", "-o", library, "empty.c"], check=True)
    ctypes.CDLL(f"./{library}", mode=ctypes.RTLD_GLOBAL)
spec = importlib.util.spec_from_file_location(path.stem, path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
flags = module.NetworkDefinitionCreationFlag.__members__
print(", ".join(f"{name} {int(number)}" for name, number in sorted(flags.items(), key=lambda one: int(one[1]))))
EOF
seen() {
    mkdir -p "$1"
    venv/bin/pip download --quiet --disable-pip-version-check --no-deps --dest "$1" "$2"
    (cd "$1" && ../venv/bin/python ../read.py *.whl)
}
ten=$(seen ten tensorrt-cu13-bindings==10.16.1.11)
eleven=$(seen eleven tensorrt-cu13-bindings==11.4.0.106)
older=$(seen older tensorrt-rtx-cu13-bindings==1.4.0.76)
newer=$(seen newer tensorrt-rtx-cu13-bindings==1.7.1.116)
printf '10.16.1: %s\n11.4.0:  %s\nRTX 1.4: %s\nRTX 1.7: %s\n' "$ten" "$eleven" "$older" "$newer"
[[ $ten == "EXPLICIT_BATCH 0, STRONGLY_TYPED 1, PREFER_JIT_PYTHON_PLUGINS 2"* ]]
[[ $eleven == "STRONGLY_TYPED 0, PREFER_JIT_PYTHON_PLUGINS 1"* ]]
[[ $older == "EXPLICIT_BATCH 0, STRONGLY_TYPED 1" ]]
[[ $newer == "STRONGLY_TYPED 0" ]]
