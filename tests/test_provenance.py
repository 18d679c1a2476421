"""What lies beside an output: equal for equal configurations, and true."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from landweave import provenance

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), VALUES))
def test_a_fingerprint_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    turned = dict(reversed(list(value.items())))
    assert provenance.fingerprint(value) == provenance.fingerprint(turned)


def test_different_configurations_differ() -> None:
    assert provenance.fingerprint({"epochs": 1}) != provenance.fingerprint({"epochs": 2})


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"landweave" * 100_000)
    assert provenance.file_sha256(tmp_path / "a") == hashlib.sha256(b"landweave" * 100_000).hexdigest()


def test_a_record_holds_what_decided_an_output(tmp_path: Path) -> None:
    provenance.write_record(tmp_path / "job.json", "map", {"card": Path("run/card"), "tile": 1024})
    record = json.loads((tmp_path / "job.json").read_text())
    assert record["format"] == provenance.FORMAT
    assert record["kind"] == "map"
    assert record["configuration"] == {"card": "run/card", "tile": 1024}
    assert record["versions"]["landweave"] == provenance.version()
    assert {"python", "torch", "numpy", "rasterio"} <= set(record["versions"])


def test_the_commit_is_that_of_the_checkout() -> None:
    root = Path(provenance.__file__).parents[2]
    asked = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    assert provenance.commit() == (asked.stdout.strip() if asked.returncode == 0 else None)


def test_a_record_with_a_name_that_is_not_utf8_reads_back_the_same(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    provenance.write_record(tmp_path / "a.json", "catalog", {"sources": [name]})
    assert json.loads((tmp_path / "a.json").read_text())["configuration"]["sources"] == [name]
