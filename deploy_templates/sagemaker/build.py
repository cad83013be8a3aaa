"""Write images.csv, image_registries.csv and instance_storage.csv beside this script.

They let the base install deploy without the SageMaker SDK (1.1 GB with what it brings). For
maintainers, in an environment of its own:

    pip install sagemaker-core==2.27.0 moto==5.2.5
    python deploy_templates/sagemaker/build.py

``sagemaker.core.image_uris`` reads its own data and needs no network.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

HERE = Path(__file__).parent
# engine -> (the SDK's framework, version). Pinned on purpose: a new version is a reviewed diff.
PINNED = {
    "vllm": ("vllm", "0.30.0"),
    "lmi": ("djl-lmi", "0.38.0"),
    "tgi": ("huggingface-llm", "3.3.6"),
}
INSTANCE_TYPE = "ml.g5.48xlarge"  # selects the GPU image
_URI = re.compile(
    r"(?P<account>\d+)\.dkr\.ecr\.(?P<region>[\w-]+)\.(?P<domain>[\w.-]+)/(?P<image>.+)"
)


def main() -> None:
    """Write the three files."""
    write_images()
    write_storage()


def write_images() -> None:
    """Ask the SDK for the image of each engine in each of its regions."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    from sagemaker.core import image_uris

    source = f"pypi:sagemaker-core=={version('sagemaker-core')} image_uris.retrieve"
    images, registries = [], []
    for engine, (framework, number) in PINNED.items():
        found = set()
        for region in _regions(framework, number):
            uri = image_uris.retrieve(
                framework,
                region=region,
                version=number,
                instance_type=INSTANCE_TYPE,
                image_scope="inference",
            )
            parts = _URI.fullmatch(uri)
            if parts is None:
                raise ValueError(f"cannot read {uri}")
            registries.append((engine, region, parts["account"], parts["domain"]))
            found.add(parts["image"])
        (image,) = found
        cuda = re.search(r"cu(\d+)(\d)\b", image)
        images.append((engine, framework, number, image, f"{cuda[1]}.{cuda[2]}", source))
    _write("images.csv", ("engine", "framework", "version", "image", "cuda", "source"), images)
    _write("image_registries.csv", ("engine", "region", "account", "domain"), sorted(registries))


def write_storage() -> None:
    """Read the disks of GPU machines from moto's copy of DescribeInstanceTypes."""
    packed = (files("moto.ec2") / "resources" / "instance_types.json.gz").read_bytes()
    data = json.loads(gzip.decompress(packed))
    source = (
        f"pypi:moto=={version('moto')} ec2/resources/instance_types.json.gz (InstanceStorageInfo)"
    )
    rows = []
    for name, item in sorted(data.items()):
        if not (item.get("GpuInfo") or item.get("NeuronInfo")):
            continue
        size = (item.get("InstanceStorageInfo") or {}).get("TotalSizeInGB", 0)
        rows.append((name, size, source))
    _write("instance_storage.csv", ("instance_type", "local_storage_gb", "source"), rows)


def _regions(framework: str, number: str) -> list[str]:
    text = (files("sagemaker.core") / "image_uri_config" / f"{framework}.json").read_text()
    config = json.loads(text)
    versions = (config.get("inference") or config)["versions"]
    return sorted(versions[number]["registries"])


def _write(name: str, header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    with (HERE / name).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
