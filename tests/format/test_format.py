"""core/bundle against other readers and writers of ZIP files, and against mbzip.py."""
import hashlib
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import unittest
import zipfile

import mbzip

TOOL = pathlib.Path(os.environ["MRUN_BUILD"]) / "bin" / "mbtool"


def tool(*args, **more):
    return subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True, check=False, **more)


def tensors(**arrays):
    """A safetensors file of float32 vectors."""
    header, data = {}, b""
    for name, values in arrays.items():
        header[name] = {"dtype": "F32", "shape": [len(values)], "data_offsets": [len(data), len(data) + 4 * len(values)]}
        data += struct.pack(f"<{len(values)}f", *values)
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 64)
    return struct.pack("<Q", len(text)) + text + data


SAMPLE = {
    "bundle.toml": b'[bundle]\nname = "x"\n', "preprocess.lua": b"return function(x) return x end\n",
    "std/torch.lua": b"-- std\n", "assets/empty.bin": b"", "assets/labels.txt": b"a\nb\n",
    "assets/A-upper": b"1", "assets/a_lower": b"2", "examples/one/input.txt": b"hello", "LICENSE": b"free\n",
    "model/main.graph.pt": b"PK-not-really", "model/main.safetensors": tensors(w=[1, 2, 3], b=[4]),
}


class Format(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.source = self.folder / "source"
        self.write_folder(self.source, SAMPLE)
        self.file = self.folder / "x.mb"
        made = tool("write", self.source, self.file)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.digest = made.stdout.strip()

    @staticmethod
    def write_folder(folder, entries):
        for name, data in entries.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def outcome(self, data):
        """(ours, Python's): whether each accepts the bytes."""
        path = self.folder / "t.mb"
        path.write_bytes(data)
        try:
            mbzip.read(data)
            python = True
        except mbzip.Refused:
            python = False
        checked = tool("check", path)
        self.assertIn(checked.returncode, (0, 1), checked.stderr)
        self.assertEqual(checked.stderr.count("\n"), checked.returncode, checked.stderr)
        return checked.returncode == 0, python

    def test_both_writers_agree_to_the_byte(self):
        self.assertEqual(self.file.read_bytes(), mbzip.write(SAMPLE))
        lock = mbzip.read(self.file.read_bytes())["bundle.lock"]
        self.assertEqual(self.digest, hashlib.sha256(lock).hexdigest())

    def test_both_readers_agree(self):
        entries = mbzip.read(self.file.read_bytes())
        self.assertEqual({n: entries[n] for n in SAMPLE}, SAMPLE)
        self.assertEqual(tool("check", self.file).stdout.strip(), self.digest)

    def test_other_archive_tools_read_it(self):
        for command in (["unzip", "-tqq"], ["zip", "-T", "-q"], ["bsdtar", "-tf"]):
            done = subprocess.run([*command, self.file], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")
        with zipfile.ZipFile(self.file) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual({n: archive.read(n) for n in SAMPLE}, SAMPLE)
        for command in (["unzip", "-qq", self.file, "-d"], ["bsdtar", "-xf", self.file, "-C"]):
            out = self.folder / command[0]
            out.mkdir()
            subprocess.run([*command, out], check=True)
            for name, data in SAMPLE.items():
                self.assertEqual((out / name).read_bytes(), data)

    def test_unpacked_and_packed_again_it_is_the_same(self):
        self.assertEqual(tool("unpack", self.file, self.folder / "out").returncode, 0)
        names = {str(p.relative_to(self.folder / "out")) for p in (self.folder / "out").rglob("*") if p.is_file()}
        self.assertEqual(names, set(SAMPLE))
        self.assertEqual(tool("write", self.folder / "out", self.folder / "y.mb").returncode, 0)
        self.assertEqual(self.file.read_bytes(), (self.folder / "y.mb").read_bytes())

    def test_the_same_folder_gives_the_same_bytes_anywhere(self):
        other = self.folder / "elsewhere with a long name"
        for name in reversed(SAMPLE):  # another order of creation, other modes and times
            self.write_folder(other, {name: SAMPLE[name]})
            os.utime(other / name, (1, 1))
            (other / name).chmod(0o400)
        for i, (locale, zone, mask) in enumerate([("C", "UTC", 0o077), ("de_DE.UTF-8", "Asia/Tokyo", 0o000)]):
            out = self.folder / f"{i}.mb"
            environment = {"LC_ALL": locale, "LANG": locale, "TZ": zone, "HOME": "/nonexistent", "USER": "nobody"}
            done = tool("write", other, out, env=environment, umask=mask)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(out.read_bytes(), self.file.read_bytes())

    def test_both_readers_refuse_the_same_mutations(self):
        good = self.file.read_bytes()
        weights = SAMPLE["model/main.safetensors"]
        start = good.index(weights)
        rng = random.Random(5)
        for _ in range(150):
            data = bytearray(good)
            for _ in range(rng.randint(1, 3)):
                i = rng.choice([rng.randrange(len(data)), len(data) - 1 - rng.randrange(1500)])
                data[i] = rng.choice([0, 255, rng.randrange(256)])
            data = bytes(data)
            outside = data[:start] + data[start + len(weights):] != good[:start] + good[start + len(weights):]
            ours, python = self.outcome(data)
            if outside:
                self.assertEqual((ours, python), (False, False))
        self.assertEqual(self.outcome(good), (True, True))
        for data in (good[:-1], good + b"\0", b"\0" * 64 + good, b"", good[:100]):
            self.assertEqual(self.outcome(data), (False, False))

    def test_what_other_tools_write_is_refused_in_one_line(self):
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            other = self.folder / "other.mb"
            with zipfile.ZipFile(other, "w", method) as archive:
                for name, data in mbzip.read(self.file.read_bytes()).items():
                    archive.writestr(name, data)
            self.assertEqual(self.outcome(other.read_bytes()), (False, False))

    def test_revisions(self):
        old = self.file.read_bytes()
        (self.source / "preprocess.lua").write_bytes(b"return 2\n")
        (self.source / "assets/new.txt").write_text("ä — new", encoding="utf-8")
        done = tool("commit", self.file, self.source, 'second: "quotes", ä and \N{GRINNING FACE}')
        self.assertEqual(done.returncode, 0, done.stderr)
        data = self.file.read_bytes()
        self.assertLess(len(data), len(old) + 2048)
        entries = mbzip.read(data)
        first = mbzip.earlier_lock(entries["history/locks/1.lock"], entries["bundle.lock"])
        self.assertEqual(first, mbzip.read(old)["bundle.lock"])
        lock = json.loads(entries["bundle.lock"])
        self.assertEqual(lock["revision"], {"number": 2, "parent": self.digest,
                                            "message": 'second: "quotes", ä and \N{GRINNING FACE}'})
        kept = hashlib.sha256(SAMPLE["preprocess.lua"]).hexdigest()
        self.assertEqual([n for n in entries if n.startswith("history/")],
                         ["history/locks/1.lock", f"history/objects/{kept}"])
        self.assertEqual(entries[f"history/objects/{kept}"], SAMPLE["preprocess.lua"])
        self.assertEqual(tool("check", self.file, "1").stdout.strip(), self.digest)
        self.assertEqual(tool("check", self.file).stdout, done.stdout)
        done = subprocess.run(["unzip", "-tqq", self.file], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_zip64_is_read_by_others(self):
        size = (5 << 30) + 3
        entries = dict(sorted(SAMPLE.items() | {"format": mbzip.FORMAT}.items(), key=lambda e: mbzip.order(e[0])))
        lock = json.loads(mbzip.make_lock(entries))
        lock["entries"]["model/huge.safetensors"] = {"size": size, "sha256": "0" * 64}
        entries |= {"bundle.lock": mbzip.canonical(lock)}
        path, directory = self.folder / "big.mb", b""
        with open(path, "wb") as file:  # a hole stands for the large payload
            for name in sorted(entries | {"model/huge.safetensors": b""}, key=mbzip.order):
                data, offset = entries.get(name, b""), file.tell()
                length = size if name == "model/huge.safetensors" else len(data)
                crc = mbzip.zlib.crc32(data)
                directory += mbzip.central_header(name.encode(), length, crc, offset)
                file.write(mbzip.local_header(name.encode(), length, crc, offset) + data)
                file.seek(length - len(data), os.SEEK_CUR)
            offset = file.tell()
            file.write(directory + mbzip.end_records(len(entries) + 1, len(directory), offset))
        with zipfile.ZipFile(path) as archive:
            self.assertEqual(archive.getinfo("model/huge.safetensors").file_size, size)
            self.assertEqual(archive.read("preprocess.lua"), SAMPLE["preprocess.lua"])
        listed = subprocess.run(["unzip", "-p", path, "bundle.toml"], capture_output=True, check=True).stdout
        self.assertEqual(listed, SAMPLE["bundle.toml"])
        listed = subprocess.run(["bsdtar", "-tf", path], capture_output=True, text=True, check=True).stdout
        self.assertIn("model/huge.safetensors", listed)


if __name__ == "__main__":
    unittest.main()
