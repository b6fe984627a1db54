import json
from hashlib import sha256

import pytest

from core.data.catalogue import SetAside
from core.data.manifest import ManifestRow, read_manifest, read_meta, write_manifest
from core.errors import DatasetError, OutputError

HEADER = "path,label,group,split,source\n"
ROWS = (
    ManifestRow("set/b.png", "glioma", "g1", "train", "set"),
    ManifestRow("set/a, é.png", "notumor", "g2", "test", "set"),
)


def put(tmp_path, *lines, header=HEADER):
    file = tmp_path / "m.csv"
    file.write_text(header + "".join(line + "\n" for line in lines), encoding="utf-8")
    return file


def test_what_is_written_is_read_back(tmp_path):
    root = tmp_path / "data"
    (root / "set").mkdir(parents=True)
    file = tmp_path / "out" / "manifest.csv"
    aside = [SetAside("set/c.png", "It is empty.")]
    written = write_manifest(
        file, ROWS, root, seed=3, fractions=(0.5, 0.0, 0.5), excluded=aside, extra={"leaking": True}
    )
    read = read_manifest(file)
    assert read.rows == written.rows == tuple(sorted(ROWS, key=lambda row: row.path))
    assert read.root == root
    assert read.sha256 == written.sha256 == sha256(file.read_bytes()).hexdigest()
    meta = read_meta(file)
    assert meta == json.loads((tmp_path / "out" / "manifest.meta.json").read_text(encoding="utf-8"))
    assert meta["root"] == "../data"
    assert meta["sources"] == {"set": {"train": {"glioma": 1}, "test": {"notumor": 1}}}
    assert meta["excluded"] == [{"path": "set/c.png", "reason": "It is empty."}]
    assert (meta["seed"], meta["fractions"], meta["leaking"]) == (3, [0.5, 0.0, 0.5], True)
    assert str(tmp_path) not in json.dumps(meta)


def test_the_order_of_the_rows_does_not_change_the_bytes(tmp_path):
    write_manifest(tmp_path / "a.csv", ROWS, tmp_path)
    write_manifest(tmp_path / "b.csv", ROWS[::-1], tmp_path)
    data = (tmp_path / "a.csv").read_bytes()
    assert data == (tmp_path / "b.csv").read_bytes()
    assert data.startswith(HEADER.encode())
    assert b"\r" not in data


def test_the_root_is_the_argument_then_the_sidecar_then_the_folder(tmp_path):
    file = put(tmp_path, "a.png,x,g,train,s")
    assert read_manifest(file).root == tmp_path
    (tmp_path / "m.meta.json").write_text('{"root": "images"}')
    assert read_manifest(file).root == tmp_path / "images"
    assert read_manifest(file, tmp_path / "other").root == tmp_path / "other"


def test_a_group_in_two_splits_is_refused(tmp_path):
    file = put(tmp_path, "a.png,x,g,train,s", "b.png,x,g,train,s", "c.png,x,g,test,s")
    with pytest.raises(DatasetError, match=r"'g' in train \(line 2\) and in test \(line 4\)"):
        read_manifest(file)
    file = put(tmp_path, "a.png,x,g,train,s", "b.png,x,g,train,s", "c.png,x,h,test,s")
    assert len(read_manifest(file).rows) == 3
    rows = [ManifestRow("a", "x", "g", "train", "s"), ManifestRow("b", "x", "g", "val", "s")]
    with pytest.raises(DatasetError, match="stays in one split"):
        write_manifest(tmp_path / "never.csv", rows, tmp_path)
    assert not (tmp_path / "never.csv").exists()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "at least one image"),
        (["a.png,x,g,train"], r"5 fields.*4 \(line 2\)"),
        (["a.png,x,g,train,s", "b.png,,h,test,s"], r"not empty.*\(line 3\)"),
        (["a.png,x,g,training,s"], r"splits are train, val, test.*\(line 2\)"),
        (["a.png,x,g,train,s", "a.png,x,g,train,s"], r"once.*'a.png' \(lines 2 and 3\)"),
        (["../a.png,x,g,train,s"], r"below the root.*\(line 2\)"),
        (["/etc/a.png,x,g,train,s"], r"relative.*\(line 2\)"),
    ],
)
def test_a_broken_rule_is_named_with_its_line(tmp_path, lines, message):
    with pytest.raises(DatasetError, match=message):
        read_manifest(put(tmp_path, *lines))


def test_a_wrong_header_or_file_is_refused(tmp_path):
    with pytest.raises(
        DatasetError, match=r"first line is path,label,group,split,source.*'path,x'"
    ):
        read_manifest(put(tmp_path, header="path,x\n"))
    with pytest.raises(DatasetError, match=r"readable CSV.*No such file"):
        read_manifest(tmp_path / "none.csv")
    (tmp_path / "m.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="not UTF-8"):
        read_manifest(tmp_path / "m.csv")


def test_a_broken_sidecar_is_refused(tmp_path):
    file = put(tmp_path, "a.png,x,g,train,s")
    (tmp_path / "m.meta.json").write_text("{")
    with pytest.raises(DatasetError, match=r"sidecar is JSON.*m\.meta\.json"):
        read_manifest(file)
    (tmp_path / "m.meta.json").write_text("[]")
    with pytest.raises(DatasetError, match="list"):
        read_manifest(file)


def test_missing_files_are_counted_and_the_first_is_named(tmp_path):
    (tmp_path / "b.png").touch()
    manifest = read_manifest(
        put(tmp_path, "a.png,x,g,train,s", "b.png,x,g,train,s", "c.png,x,g,train,s")
    )
    with pytest.raises(DatasetError, match=r"2 of 3 missing, first 'a\.png'"):
        manifest.check_files()
    (tmp_path / "a.png").touch()
    (tmp_path / "c.png").touch()
    manifest.check_files()


def test_an_output_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="must be writable"):
        write_manifest(tmp_path / "file" / "m.csv", ROWS, tmp_path)
