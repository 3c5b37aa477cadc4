"""Files that were made to deceive a reader. Numbers 40 to 51 of core/SECURITY.md: the code is asserted, the program that opened them goes
on, the next good bundle answers in it, and no descriptor is left."""
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import unittest
import zipfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "command"), str(HERE.parent / "format")]
import command  # noqa: E402
import mbzip  # noqa: E402

HOST = command.BUILD / "bin/hostile_host"
TOML = b'[bundle]\nname = "x"\n[input]\nkind = "text"\n'
SCRIPT = b"return function(x) return 'ran' end\n"


def rows(entries, **more):
    """The entries of a file in order, as (name, bytes), with a lock of them."""
    entries = {"format": mbzip.FORMAT} | entries
    entries["bundle.lock"] = mbzip.make_lock(entries, **more)
    return [(n, entries[n]) for n in sorted(entries, key=mbzip.order)]


def build(listed, local=None, central=None, end=None, count=None):
    """A file of these rows; `local`, `central` and `end` change what is written of each header: (index, header, offset) -> header."""
    file, directory = b"", b""
    for i, (name, data) in enumerate(listed):
        raw, crc, offset = name if isinstance(name, bytes) else name.encode(), zlib.crc32(data), len(file)
        one = mbzip.central_header(raw, len(data), crc, offset)
        directory += central(i, one, offset) if central else one
        one = local_of(raw, data, crc, offset)
        file += (local(i, one, offset) if local else one) + data
    tail = mbzip.end_records(len(listed) if count is None else count, len(directory), len(file))
    return file + directory + (end(tail) if end else tail)


def local_of(raw, data, crc, offset):
    """mbzip.local_header, also for names that no bundle can have."""
    return mbzip.local_header(raw, len(data), crc, offset) if raw.isascii() else mbzip.local_header(b"a" * len(raw), len(data), crc, offset).replace(b"a" * len(raw), raw, 1)


def patched(header, at, form, value):
    header = bytearray(header)
    struct.pack_into(form, header, at, value)
    return bytes(header)


def records(count, size, offset):
    """End records of any numbers, their sum taken as a reader's would be."""
    wide = struct.pack("<IQHHIIQQQQ", mbzip.END64, 44, 3 << 8 | 45, 45, 0, 0, count, count, size, offset)
    wide += struct.pack("<IIQI", mbzip.LOCATOR, 0, (offset + size) % (1 << 64), 1)
    return wide + struct.pack("<IHHHHIIH", mbzip.END, 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), min(size, 0xFFFFFFFF), min(offset, 0xFFFFFFFF), 0)


def tensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class Case(command.Case):
    def setUp(self):
        super().setUp()
        self.good = self.dir / "good.mb"
        self.good.write_bytes(mbzip.write({"bundle.toml": TOML, "preprocess.lua": b"return function(x) return 'good' end\n"}))
        self.plain = rows({"bundle.toml": TOML, "preprocess.lua": SCRIPT})

    def host(self, *args):
        result = subprocess.run([HOST, self.good, *map(str, args)], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
        lines = result.stdout.splitlines()
        self.assertEqual(lines[-1], "0", "descriptors were left behind")
        self.assertTrue(all(line == '"good"' for line in lines[0::2][:-1] or lines[:1]), result.stdout)
        return lines[1:-1:2]

    def refused_as(self, *files, code="BUNDLE", contains=""):
        """Every file is refused with `code`, in one program that goes on; by the command as well."""
        paths = []
        for i, data in enumerate(files):
            paths.append(self.dir / f"bad-{i}.mb")
            paths[-1].write_bytes(data)
        for path, line in zip(paths, self.host(*paths), strict=True):
            self.assertTrue(line.startswith(code + " "), line)
            self.assertIn(contains, line)
            self.assertFalse(set(line) & set("\x1b\0"), line)
        for subcommand in ("verify", "log", "inspect", "unpack", "scan"):
            result = command.mrun(subcommand, paths[0], *(["-C", self.dir / "out"] if subcommand == "unpack" else []))
            self.assertIn(result.returncode, range(6), (subcommand, result.stdout, result.stderr))  # none ends by a signal
            self.assertNotIn('"ran"', result.stdout)
            if subcommand == "unpack":
                self.assertEqual((self.dir / "out").exists(), result.returncode == 0)
                shutil.rmtree(self.dir / "out", ignore_errors=True)

    def test_40_deflate_bomb(self):
        packed = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = packed.compress(bytes(100 << 20)) + packed.flush()
        listed = rows({"assets/bomb": bomb, "bundle.toml": TOML})

        def deflated(at_method, at_size):
            return lambda i, h, offset: patched(patched(h, at_method, "<H", 8), at_size, "<I", 100 << 20) if b"assets/bomb" in h else h

        self.refused_as(build(listed, deflated(8, 22), deflated(10, 24)), contains="compressed")
        with zipfile.ZipFile(self.dir / "plain.zip", "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("bundle.toml", TOML)
            z.writestr("assets/bomb", bytes(100 << 20))
        self.refused_as((self.dir / "plain.zip").read_bytes())

    def test_41_overlapping_entries(self):
        last = len(self.plain) - 1
        self.refused_as(build(self.plain, central=lambda i, h, offset: patched(h, 42, "<I", 0) if i == last else h),
                        build(self.plain, central=lambda i, h, offset: patched(h, 42, "<I", offset - 8) if i == last else h),
                        build(self.plain, local=lambda i, h, offset: bytes(64) + h if i == last else h))

    def test_42_duplicate_names(self):
        self.refused_as(build([*self.plain, self.plain[-1]]), contains="stands twice")
        self.refused_as(build(rows({"assets/A": b"1", "assets/a": b"2", "bundle.toml": TOML})), contains="in case only")

    def test_43_local_and_central_header_differ(self):
        last = len(self.plain) - 1
        changes = [(6, "<H", 1), (8, "<H", 8), (14, "<I", 0), (18, "<I", 1), (22, "<I", 1), (26, "<H", 3), (30, "<B", ord("q"))]
        self.refused_as(*(build(self.plain, local=lambda i, h, offset, c=c: patched(h, *c) if i == last else h) for c in changes))

    def test_44_lying_size(self):
        last = len(self.plain) - 1
        for size in (1, 1 << 20, 0xFFFFFFFE):
            self.refused_as(build(self.plain, *(lambda i, h, offset, at=at: patched(patched(h, at, "<I", size), at + 4, "<I", size) if i == last else h for at in (18, 20))))
        self.refused_as(*(build(self.plain, end=lambda tail, at=at, form=form, value=value: patched(tail, at, form, value))
                          for at, form, value in [(8, "<H", 3), (10, "<H", 0xFFFE), (12, "<I", 0xFFFFFFFE), (12, "<I", 1), (16, "<I", 0xFFFFFFFE), (20, "<H", 1)]))

    def test_45_names_that_lead_elsewhere(self):
        names = [b"../evil", b"/etc/passwd", b"a\0b", b"a\\b", b"assets/../../x", b"C:x", b"a//b", b"\x1b[2J", b"\xff\xfe", b"-rf", b"a" * 256, b".hidden"]
        self.refused_as(*(build([self.plain[0], (name, b"x"), *self.plain[1:]]) for name in names))
        self.refused_as(build(self.plain, central=lambda i, h, offset: patched(h, 38, "<I", 0o120777 << 16)), contains="not as mrun writes it")
        self.assertFalse((self.dir.parent / "evil").exists())

    def test_46_wrong_checksums_and_flipped_weights(self):
        wrong = [(n, d) for n, d in self.plain if n != "preprocess.lua"]
        wrong.insert(-1, ("preprocess.lua", SCRIPT.replace(b"ran", b"RAN")))
        order = sorted(wrong, key=lambda row: mbzip.order(row[0]))
        self.refused_as(build(order), code="VERIFY", contains="preprocess.lua is damaged or was changed")
        listed = rows({"bundle.toml": TOML, "model/main.safetensors": tensors({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"wwww"), "model/main.graph.pt": b"graph"})
        flipped = [(n, d.replace(b"wwww", b"wwwv")) for n, d in listed]
        self.refused_as(build(flipped), code="VERIFY", contains="model/main.safetensors is damaged")
        last = len(self.plain) - 1
        self.refused_as(build(self.plain, *(lambda i, h, offset, at=at: patched(h, at, "<I", 1) if i == last else h for at in (14, 16))), contains="CRC")

    def test_47_zip64_with_impossible_numbers(self):
        body = build(self.plain)[:-22]
        files = []
        for value in (1 << 63, (1 << 64) - 1, (1 << 64) - 75, 0xFFFFFFFF):
            files += [body + records(*numbers) for numbers in ((value, 200, 300), (4, value, 300), (4, 200, value))]
        self.refused_as(*files)
        for size in (1 << 63, (1 << 64) - 1, 0xFFFFFFFF):
            self.refused_as(build(self.plain, central=lambda i, h, offset: mbzip.central_header(b"bundle.toml", size, 0, 64) if i == 1 else h))

    def test_48_cut_at_every_byte(self):
        path = self.dir / "whole.mb"
        path.write_bytes(build(self.plain))
        self.assertEqual(self.host("--cut", path), ["0"])

    def test_49_shapes_that_overflow_and_tensors_that_overlap(self):
        one = lambda shape, offsets, dtype="F32": {"w": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}
        wrong = [tensors(one([1 << 62, 4], [0, 0])), tensors(one([(1 << 63) - 1] * 2, [0, 4]), bytes(4)), tensors(one([-1], [0, 4]), bytes(4)),
                 tensors(one([2], [0, 4]), bytes(4)), tensors(one([1], [4, 8]), bytes(8)), tensors(one([1], [8, 4]), bytes(8)),
                 tensors(one([1], [0, (1 << 64) - 1]), bytes(4)), tensors(one([1], [0, 4], "F99"), bytes(4)), tensors(one([1], [0, 4]), bytes(8)),
                 tensors(one([1], [0, 4]) | {"v": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
                 tensors(one([0, 1 << 62, 1 << 62], [0, 4]), bytes(4)), struct.pack("<Q", 1 << 63) + b"{}", b"short", b""]
        self.refused_as(*(build(rows({"bundle.toml": TOML, "model/main.graph.pt": b"g", "model/main.safetensors": w})) for w in wrong))

    def test_50_a_hundred_thousand_tensors(self):
        """Not wrong, only much: they are read, in the time that they need."""
        many = tensors({f"t{i}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(100000)})
        path = self.dir / "many.mb"
        path.write_bytes(build(rows({"bundle.toml": TOML, "model/main.graph.pt": b"g", "model/main.safetensors": many})))
        self.assertEqual(self.host(path), ["OK "])

    def test_51_deep_and_doubled_json(self):
        lock = dict(self.plain)["bundle.lock"].decode()
        first = lock.index('"operations"')
        locks = ["[" * 100000, lock.replace('"packed_with": {}', '"packed_with": {"a": ' + "[" * 50 + "]" * 50 + "}"),
                 lock[:first] + '"format": 1,\n ' + lock[first:], lock + "\n", lock[:-2], " ", "null", "[]", lock[:first] + '"extra": 1,\n ' + lock[first:],
                 lock.replace('"size": 14', '"size": 1e1'), lock.replace('"number": 1', '"number": 99999999999999999999'), "\ufeff" + lock]
        self.refused_as(*(build([(n, text.encode() if n == "bundle.lock" else d) for n, d in self.plain]) for text in locks))
        deep = b'{"a":' * 100000
        path = self.dir / "deep.mb"
        path.write_bytes(build(rows({"bundle.toml": TOML, "preprocess.lua": SCRIPT, "examples/a/input.txt": b"x", "examples/a/expected.json": deep})))
        self.assertEqual(self.host(path), ["OK "])  # an example is read where it is asked for
        result = command.mrun("verify", path)
        self.assertEqual(result.returncode, 4, result.stdout + result.stderr)
        self.assertIn("nest deeper than 1000 levels", result.stdout)


if __name__ == "__main__":
    unittest.main()
