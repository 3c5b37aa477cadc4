"""scan, on files made by torch, pickle and by hand. What must be found is known by how they were made; nothing of them may run."""
import gzip
import io
import json
import os
import pathlib
import pickle
import pickletools
import struct
import subprocess
import sys
import zipfile
import zlib

import numpy
import sympy
import torch

from command import Case, mrun
import unittest


class Call:
    """What a hostile pickle is made of: loading it calls a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


class Plain:
    pass


class Quiet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.names = ["torch.save('x')"]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        print("torch.from_file(x)")  # a string, not a call
        return torch.relu(x)


class Loud(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.names = ["a"]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.from_file("/etc/passwd", False, 4, dtype=torch.uint8)

    @torch.jit.export
    def __getstate__(self):
        return (self.names, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[list[str], bool]):
        self.names = state[0]
        self.training = state[1]
        torch.save(torch.ones(2), "written")


class Reads(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.from_file("PATH", False, 4, dtype=torch.uint8)
        return y


def stack_global(module, name):
    return b"\x80\x04\x8c" + bytes([len(module)]) + module + b"\x8c" + bytes([len(name)]) + name + b"\x93"


class Scan(Case):
    def scan(self, content, name="file.pkl", *, verdict, finds=(), kind=None):
        path = self.dir / name
        if content is not None:
            path.write_bytes(content)
        result = mrun("scan", path, "--json")
        self.assertEqual(result.returncode, {"data": 0, "code": 1, "unsafe": 4}[verdict], result.stdout + result.stderr)
        report = json.loads(result.stdout)
        self.assertEqual(report["verdict"], verdict)
        text = "\n".join(f"{f['verdict']} {f['where']}: {f['what']}" for f in report["findings"])
        for expected in [finds] if isinstance(finds, str) else finds:
            self.assertIn(expected, text)
        if kind is not None:
            self.assertEqual(report["kind"], kind)
        person = mrun("scan", path)
        self.assertEqual(person.returncode, result.returncode)
        self.assertNotIn("\x1b", person.stdout)
        return text

    def archive(self, entries, method=zipfile.ZIP_STORED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as z:
            for name, data in entries.items():
                z.writestr(name, data)
        return out.getvalue()

    def test_values_alone_are_data(self):
        for protocol in range(6):
            value = {"a": [1, 2.5, None, True, 1 << 100], "b": (b"bytes", "text\n\x00", {1, 2}), "c": complex(1, 2)}
            self.assertEqual(self.scan(pickle.dumps(value, protocol), verdict="data"), "")

    def test_calls_are_named_in_every_protocol(self):
        for protocol in range(6):
            text = self.scan(pickle.dumps(Call(os.system, "touch ran"), protocol), verdict="unsafe", finds="system and calls it")
            self.assertRegex(text, "imports (posix|os).system and calls it")
            self.scan(pickle.dumps(Call(eval, "1"), protocol), verdict="unsafe", finds="eval and calls it")
        self.assertFalse((self.dir / "ran").exists())

    def test_ways_to_hide_a_call(self):
        call = b"\x8c\x01x\x85R."
        cases = {
            "posix.system": (b"cposix\nsystem\n" + call, b"(S'x'\niposix\nsystem\n.", b"(cposix\nsystem\nS'x'\no.",
                             stack_global(b"posix", b"system") + call,
                             # the names through the memo, with something between them
                             b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x940N0h\x00h\x01\x93" + call),
            "torch.serialization.os.system": (stack_global(b"torch.serialization", b"os.system") + call,),
            "numpy.random.os.system": (stack_global(b"numpy.random", b"os.system") + call,),
            "torch._utils._rebuild_tensor.__globals__": (stack_global(b"torch._utils", b"_rebuild_tensor.__globals__") + b".",),
            "builtins.getattr": (stack_global(b"builtins", b"getattr") + b".",),
            "torch.storage._load_from_bytes": (b"ctorch.storage\n_load_from_bytes\n" + call,),
            "by a name that it computes": (b"\x80\x04\x8c\x05posixN\x93.", b"\x80\x04N\x8c\x06system\x93" + call),
            "extension registry": (b"\x80\x02\x82\x01.", b"\x80\x02\x84\x01\x00\x00\x00."),
            "is a damaged pickle": (b"\x80\x04\xff.", b"\x80\x04X\xff\xff\xff\xffx.", b"\x80\x04\x8d" + b"\xff" * 8 + b".", b"\x80\x04N", b"\x80\x04\x8bnegative"),
        }
        for name, contents in cases.items():
            for content in contents:
                with self.subTest(name=name, content=content):
                    self.scan(content, verdict="unsafe", finds=name)
        # The name in the message is the entry's, whatever its length.
        for entry in ("a.pkl", "folder/a-name-beyond-the-longest-short-text.pkl", "folder/" + "x" * 100 + ".pkl"):
            self.scan(self.archive({entry: b"\x80\x04N"}), "file.zip", verdict="unsafe", finds=f": {entry}: cut off")
        # What comes before a damage has run by then.
        self.scan(b"\x80\x04cposix\nsystem\n\x8c\x01x\x85R\xff", verdict="unsafe", finds=["posix.system and calls it", "damaged"])

    def test_agrees_with_pickletools_on_the_imports(self):
        import collections, datetime, decimal, fractions
        values = [collections.Counter("abc"), datetime.datetime(2020, 1, 1), decimal.Decimal("1.5"), fractions.Fraction(1, 3), Plain(), [Plain, int]]
        for protocol in (2, 3, 4, 5):
            data = pickle.dumps(values, protocol)
            strings, imports = [], set()
            for op, arg, _ in pickletools.genops(data):
                if isinstance(arg, str) and op.name != "GLOBAL":
                    strings.append(arg)
                if op.name == "GLOBAL":
                    imports.add(arg.replace(" ", "."))
            text = self.scan(data, verdict="code")
            for name in ("collections.Counter", "datetime.datetime", "decimal.Decimal", "fractions.Fraction", "__main__.Plain"):
                self.assertIn(f"imports {name}", text)
            for name in imports - {"__builtin__.int", "__builtin__.long", "builtins.int", "_codecs.encode"}:
                self.assertIn(f"imports {name}", text)

    def test_torch_save_in_both_formats(self):
        state = {"w": torch.ones(3), "h": torch.ones(2, dtype=torch.float16), "p": torch.nn.Parameter(torch.ones(1)), "n": 3}
        for name, new in (("new.pt", True), ("old.pth", False)):
            torch.save(state, self.dir / name, _use_new_zipfile_serialization=new)
            self.assertEqual(self.scan(None, name, verdict="data", kind="PyTorch archive" if new else "pickle"), "")
            torch.save(torch.nn.Linear(2, 2), self.dir / name, _use_new_zipfile_serialization=new)
            self.scan(None, name, verdict="code", finds="imports torch.nn.modules.linear.Linear")
            torch.save({"w": torch.ones(2), "x": Call(print, "ran")}, self.dir / name, _use_new_zipfile_serialization=new)
            self.scan(None, name, verdict="unsafe", finds="print and calls it")

    def test_torchscript(self):
        for module, verdict, finds in ((Quiet(), "code", ["TorchScript of"]),
                                       (Loud(), "unsafe", ["calls aten.save", "calls aten.from_file", "has __setstate__", "code/__torch__"])):
            torch.jit.script(module).save(str(self.dir / "m.pt"))
            text = self.scan(None, "m.pt", verdict=verdict, finds=finds, kind="TorchScript archive")
            self.assertEqual("unsafe" in text, verdict == "unsafe", text)
        self.assertFalse((self.dir / "written").exists())
        code = b"def forward(self, x: Tensor) -> Tensor:\n  return ops.image.read_file('a')\n"
        self.scan(self.archive({"m/code/__torch__.py": code}, zipfile.ZIP_DEFLATED), "m.pt", verdict="unsafe", finds="calls image.read_file")
        code = b"def forward(self, x: Tensor) -> Tensor:\n  # torch.save(x)\n  return ops.mine.relu(torch.classes.mine.Thing(x))\n"
        self.scan(self.archive({"m/code/__torch__.py": code}), "m.pt", verdict="code", finds=["calls mine.relu, native code of a library", "torch.classes.mine.Thing"])

    def test_torchscript_that_hides_what_it_calls(self):
        (self.dir / "four").write_bytes(b"four")
        torch.jit.script(Reads()).save(str(self.dir / "reads.pt"))
        with zipfile.ZipFile(self.dir / "reads.pt") as z:
            entries = {name: z.read(name) for name in z.namelist()}
        code = next(name for name in entries if name.endswith(".py"))
        plain = entries[code].decode().replace("PATH", str(self.dir / "four"))
        begin, call = "    y = ", "torch.from_file("
        for way in (plain, *[plain.replace(call, other) for other in (
                        "torch . from_file(", "torch .from_file(", "(torch\n.from_file)(", "(torch #.\n.from_file)(", "torch\\\n.from_file(", "((torch)).from_file(",
                        "ops.aten.from_file(", "ops . aten\\\n. from_file(", 'getattr(torch, "from_file")(', 'getattr(ops.aten, "from_file")(',
                        'getattr(ops, "aten").from_file(')],
                    *[plain.replace(begin, before + begin) for before in ('    q = """ " """\n', "    q = \'\'\' \' \'\'\'\n", '    q = ""\n', "    q = \"\\\\\"\n", "    q = '#'\n")],
                    *[plain.replace(begin + "torch.", f"    t = {module}\n    y = t.") for module in ("torch", "ops.aten")]):
            with self.subTest(way):
                content = self.archive({**entries, code: way})
                (self.dir / "way.pt").write_bytes(content)
                self.assertEqual(bytes(torch.jit.load(str(self.dir / "way.pt"))(torch.ones(1)).tolist()), b"four")
                self.scan(content, "way.pt", verdict="unsafe", finds=["from_file" if "from_file" in way and "getattr" not in way and "t = " not in way else "another name"])
        for quiet in ("  ops : int\n  torch : int\n", "  def ops(self):\n    return self.torch.ops.save\n", "  x = 1.e5\n  y = ops.prim.NumToTensor(1)\n"):
            self.scan(self.archive({**entries, code: quiet}), "quiet.pt", verdict="data" if "def" not in quiet else "code")

    def test_exported_programs(self):
        graph = json.dumps({"graph": {"nodes": [{"target": "torch.ops.aten.linear.default"}, {"target": "torch.ops.mine.f.default"}]}})
        self.scan(self.archive({"m/archive_format": "pt2", "m/models/model.json": graph}), "m.pt2", verdict="code", kind="exported program",
                  finds=["a graph of 2 calls", "calls mine.f.default"])
        torch.save(Call(print, "ran"), self.dir / "inner.pt")
        self.scan(self.archive({"m/archive_format": "pt2", "m/data/constants/c.pt": (self.dir / "inner.pt").read_bytes()}), "m.pt2", verdict="unsafe",
                  finds="c.pt > ")
        self.scan(self.archive({"m/archive_format": "pt2", "m/data/aotinductor/m.so": b"\x7fELF..."}), "m.pt2", verdict="unsafe", finds="is native code")

    def test_sizes_that_python_evaluates(self):
        def scan(expression, verdict):
            sizes = json.dumps({"as_sym_int": {"as_expr": {"expr_str": expression, "hint": None}}})
            for text in (sizes, "".join(f"\\u{ord(c):04x}" if c.isalpha() else c for c in sizes) if verdict == "data" else sizes.replace("expr", "\\u0065xpr")):
                self.scan(self.archive({"archive_format": "pt2", "models/model.json": text}), "m.pt2", verdict=verdict,
                          finds="Python evaluates" if verdict == "unsafe" else ())

        for expression in ("print('ran')", "print(2)", "print (2)", "(lambda: print(2))()", "[print][0](2)", "exec(chr(112))", "s0*0 + open('x').read()", "(print)(2)",
                           "Max(2, print(3))", "2 if print(1) else 3", "Max.mro()", "(s0).func", "(s0) . func", "s0.func", "\uff45xec(1)", 's0 if 1 else "" or print(2)'):
            with self.subTest(expression):
                scan(expression, "unsafe")
        for expression in ("s0", "4*s0 + Max(2, s1)", "2*s0**2/(s1 + 1)", "FloorDiv(s0, 2) - Mod(s0, 2)", "floor(s0/2.5) + sqrt (s0)", "-1", "(s0 + 1)*(s1 - 1)"):
            with self.subTest(expression):
                self.assertTrue(str(sympy.sympify(expression)))
                scan(expression, "data")

    def test_archives_made_to_mislead(self):
        bad = pickle.dumps(Call(print, "ran"), 2)
        good = self.archive({"m/data.pkl": pickle.dumps({}, 2)})
        self.scan(self.archive({"m/data.pkl": bad}), "x.bin", verdict="unsafe", finds="print and calls it")
        self.scan(b"\x00" * 100 + self.archive({"m/data.pkl": bad}), "x.pt", verdict="unsafe", finds="print and calls it")  # by its end
        self.scan(bad + good, "x.pt", verdict="unsafe", finds="print and calls it")  # a pickle in front of an archive
        wrong = bytearray(self.archive({"m/data.pkl": bad}))
        wrong[14:18] = bytes(4)  # the local CRC: some readers do not look
        self.scan(bytes(wrong), "x.pt", verdict="unsafe", finds="print and calls it")
        flagged = bytearray(good)
        at = flagged.index(b"PK\x01\x02")
        flagged[at + 8] |= 1
        self.scan(bytes(flagged), "x.pt", verdict="unsafe", finds="is encrypted")
        method = bytearray(good)
        method[at + 10] = 12
        self.scan(bytes(method), "x.pt", verdict="unsafe", finds="method that is not known")
        self.scan(good[:-30], "x.pt", verdict="unsafe")
        far = bytearray(good)
        struct.pack_into("<I", far, at + 42, 1 << 31)
        self.scan(bytes(far), "x.pt", verdict="unsafe", finds="lies outside the file")
        nested = bad
        for _ in range(8):
            nested = self.archive({"m/inner.pt": nested, "m/data.pkl": b"\x80\x02N."})
        self.scan(nested, "x.pt", verdict="unsafe", finds="deeper than is looked into")
        bomb = self.archive({"m/data.pkl": b"\x80\x02" + b"N0" * (300 << 20)}, zipfile.ZIP_DEFLATED)
        self.scan(bomb, "x.pt", verdict="unsafe", finds="holds more than is looked into")

    def test_entries_in_the_same_bytes(self):
        one = self.archive({"m/data.pkl": b"\x80\x02" + b"N0" * (20 << 20)}, zipfile.ZIP_DEFLATED)
        at, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
        entry = one[at:end]
        for count, said in ((2, "m/data.pkl begins inside"), (60_000, "m/data.pkl and 59998 more begin inside")):  # each of them 40 MB, of which one is read
            tail = bytearray(one[end:])
            struct.pack_into("<HHII", tail, 8, count, count, len(entry) * count, at)
            text = self.scan(one[:at] + entry * count + bytes(tail), "x.pt", verdict="unsafe", finds=said)
            self.assertNotIn("more than is looked into", text)

    def test_names_hidden_by_how_they_are_written(self):
        def text(s):
            return b"\x8c" + bytes([len(s)]) + s
        call = text(b"x") + b"\x85R."
        # Python takes "+5" for 5: what it keeps in 2515 is not what a reader of digits alone thinks.
        places = (b"\x80\x04" + text(b"builtins") + b"p2515\n0" + text(b"collections") + b"p+5\n0" + text(b"print") + b"p2516\n0"
                  + text(b"OrderedDict") + b"p+6\n0g2515\ng2516\n\x93" + call)
        self.assertEqual(self.ran(places), "x\n")
        self.scan(places, verdict="unsafe", finds="builtins.print and calls it")
        for place in (b" 1", b"1_0", b"-1", b"1\r", b"", b"18446744073709551617"):
            self.scan(b"\x80\x04Np" + place + b"\n.", verdict="unsafe", finds="hides what it keeps where")
        for escaped in (b"V\\u0062uiltins\nV\\u0070rint\n", b"S'\\x62uiltins'\nS'\\x70rint'\n"):
            content = b"\x80\x04" + escaped + b"\x93" + call
            self.assertEqual(self.ran(content), "x\n")
            self.scan(content, verdict="unsafe", finds="by a name that it computes")
        self.scan(b"ccPickle\nloads\n(S'x'\ntR.", verdict="unsafe", finds="cPickle.loads and calls it")  # Python 3 makes pickle of it
        for module, name in ((b"numpy", b"ndarray.tofile"), (b"torch", b"FloatStorage.from_file"), (b"cgitb", b"lookup")):
            self.scan(stack_global(module, name) + call, verdict="unsafe", finds=(module + b"." + name).decode() + " and calls it")
        self.scan(stack_global(b"collections", b"OrderedDict") + b"}b.", verdict="unsafe", finds="collections.OrderedDict and changes it")

    def ran(self, content):
        """What a pickle prints when Python loads it."""
        load = "import pickle, sys\npickle.loads(sys.stdin.buffer.read())"
        return subprocess.run([sys.executable, "-c", load], input=content, capture_output=True, check=True).stdout.decode()

    def test_pickles_by_what_they_are(self):
        evil = {"0": b"cbuiltins\nprint\n(S'x'\ntR.", "1": b"\x80\x01cbuiltins\nprint\n(U\x01xtR.", "behind": b"cbuiltins\nprint\n(S'x'\ntRgarbage"}
        for name, content in evil.items():
            with self.subTest(name=name):
                self.scan(content, "weights.bin", verdict="unsafe", kind="pickle", finds="print and calls it")
                self.scan(self.archive({"weights.bin": content}), "x.zip", verdict="unsafe", finds="print and calls it")
                self.scan(pickle.dumps({}, 2) + content, verdict="unsafe", finds="print and calls it")  # what the next load takes
        self.scan(pickle.dumps({}, 2) + b"more", verdict="code", finds="4 bytes stand behind its end")
        # Weights that happen to begin as a pickle would are none.
        weights = torch.zeros(4, dtype=torch.float32)
        weights.view(torch.uint8)[:3] = torch.tensor([0x80, 0x02, 0x01], dtype=torch.uint8)
        torch.save({"w": weights}, self.dir / "w.pt")
        self.scan(None, "w.pt", verdict="data")

    def test_arrays_of_objects_however_they_say_it(self):
        evil = pickle.dumps(Call(print, "x"), 4)
        for descr, padding, version in (("'|O'", 0, 1), (r"'|\x4f'", 0, 1), ("'object'", 0, 1), ("'|O'", 70000, 2)):
            with self.subTest(descr=descr, padding=padding):
                header = ("{" + " " * padding + f"'descr': {descr}, 'fortran_order': False, 'shape': (1,)}}\n").encode()
                content = b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(header)) + header + evil
                self.scan(content, "a.npy", verdict="unsafe", finds="print and calls it")
                self.scan(self.archive({"a.npy": content}), "a.npz", verdict="unsafe", finds="print and calls it")
        numpy.savez(self.dir / "good.npz", a=numpy.ones(3), b=numpy.zeros(2, dtype=[("x", "f4"), ("y", "i8")]))
        self.scan(None, "good.npz", verdict="data")

    def test_what_is_not_known_is_said(self):
        windows = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(100)
        self.scan(self.archive({"a.dll": windows}), "x.zip", verdict="unsafe", finds="a.dll: is native code")
        self.scan(self.archive({"a.h5": b"\x89HDF\r\n\x1a\n\0", "b.h5": b"\0", "README": b"text"}), "x.zip", verdict="code",
                  finds="holds a.h5 and 1 more, of no kind that is known")
        layers = {"class_name": "Sequential", "config": [{"module": "os", "class_name": "system"}, {"class_name": "Lambda"}]}
        config = json.dumps(layers).replace("Lambda", "\\u004cambda")
        self.scan(self.archive({"config.json": config}), "x.keras", verdict="unsafe", finds=["a Lambda layer of Keras", "imports os"])
        for encoding in ("utf-16", "utf-16-be", "utf-32"):
            content = config.encode(encoding)
            self.assertEqual(json.loads(content), layers)  # as Keras reads it
            self.scan(self.archive({"config.json": content}), "x.keras", verdict="unsafe", finds="JSON that is not in UTF-8")
        graph = '{"target": "torch\\u002eops.image.read_file.default"}'
        self.scan(self.archive({"m/archive_format": "pt2", "m/model.json": graph}), "m.pt2", verdict="unsafe", finds="calls image.read_file")
        bytecode = pickle.dumps((5, ("f", ("aten::from_file", ""), ("mine::relu", ""))), 2)
        self.scan(self.archive({"m/bytecode.pkl": bytecode, "m/data.pkl": pickle.dumps({}, 2)}), "m.ptl", verdict="unsafe", kind="TorchScript archive",
                  finds=["bytecode", "calls aten.from_file,", "calls mine.relu,"])
        self.scan(gzip.compress(b"x"), "m.pkl", verdict="unsafe", finds="is packed by gzip, which is not looked into")
        self.scan(gzip.compress(b"x"), "m.gz", verdict="code", finds="is packed by gzip")
        for name in "m.pt", "m.pkl":
            (self.dir / name).write_bytes(b"")
            self.refused(3, "scan", self.dir / name, contains=f"{name}: is of no kind that is known (it is empty)")

    def test_folders_are_seen_as_their_loaders_see_them(self):
        folder = self.dir / "snapshot"
        folder.mkdir()
        (self.dir / "blob").write_bytes(pickle.dumps(Call(print, "x"), 2))
        (folder / "model.pkl").symlink_to("../blob")
        self.scan(None, "snapshot", verdict="unsafe", finds="print and calls it")
        (folder / "model.pkl").unlink()
        (folder / "README.md").write_text("# A model\n")
        self.scan(None, "snapshot", verdict="data")
        (folder / "elsewhere").symlink_to("..")
        os.mkfifo(folder / "pipe")
        (folder / "w.h5").write_bytes(b"\x89HDF\r\n\x1a\n\0")
        self.scan(None, "snapshot", verdict="code", finds=["elsewhere: is a link to a folder", "pipe: is a pipe", "holds w.h5, of no kind"])

    def test_directories_that_readers_find_in_two_ways(self):
        good, bad = pickle.dumps({}, 2), pickle.dumps(Call(print, "x"), 2)
        hidden = self.archive({"m/data.pkl": bad})
        shown = self.archive({"m/data.pkl": good})
        end = shown[-22:]
        directory = shown[shown.index(b"PK\x01\x02"):-22]
        moved = bytearray(hidden[hidden.index(b"PK\x01\x02"):-22])
        entries = shown[:shown.index(b"PK\x01\x02")]
        moved[42:46] = struct.pack("<I", len(entries) + len(directory))
        body = entries + directory + hidden[:hidden.index(b"PK\x01\x02")]
        path = self.dir / "x.pt"
        path.write_bytes(body + bytes(moved) + end)  # the offset leads to one, the end record stands behind the other
        self.scan(None, "x.pt", verdict="unsafe", finds="has two directories")

    def test_files_made_to_take_time(self):
        name = b"a." * (5 << 20)
        head = b"\x80\x04X" + struct.pack("<I", len(name)) + name + b"\x94"
        self.scan(head + b"h\x00h\x00\x930" * 20000 + b"N.", verdict="unsafe", finds="imports a name of more than 400 bytes")
        self.scan(stack_global(b"m", b"f") + b"\x94" + b"h\x00)R0" * 2_000_000 + b"N.", verdict="code", finds="m.f and calls it")
        # Entries that all lie in the same bytes: read whole for each, these would be terabytes.
        raw = os.urandom(4 << 20)
        deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = deflater.compress(raw) + deflater.flush()
        sizes = struct.pack("<III", 0, len(packed), len(raw))
        body = b"PK\x03\x04" + struct.pack("<5H", 20, 0, 8, 0, 0) + sizes + struct.pack("<2H", 1, 0) + b"a" + packed
        directory = b"".join(b"PK\x01\x02" + struct.pack("<6H", 20, 20, 0, 8, 0, 0) + sizes + struct.pack("<5H2I", len(n), 0, 0, 0, 0, 0, 0) + n
                             for n in (b"a%d.dat" % i for i in range(20000)))
        self.scan(body + directory + b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 20000, 20000, len(directory), len(body), 0), "x.zip", verdict="unsafe",
                  finds="a1.dat and 19998 more begin inside another entry's bytes")

    def test_plain_data(self):
        numpy.save(self.dir / "a.npy", numpy.ones((2, 3)))
        self.scan(None, "a.npy", verdict="data", kind="npy")
        numpy.save(self.dir / "o.npy", numpy.array([Call(print, "ran")], dtype=object), allow_pickle=True)
        self.scan(None, "o.npy", verdict="unsafe", finds=["an array of Python's objects", "print and calls it"])
        header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
        good = struct.pack("<Q", len(header)) + header + bytes(4)
        self.scan(good, "m.safetensors", verdict="data", kind="safetensors")
        self.scan(good[:-1], "m.safetensors", verdict="unsafe", finds="is damaged")

    def test_bundles_and_folders(self):
        folder = self.bundle(preprocess='local image = require "image"\nreturn function(x) return x end\n', files={"lib/a.lua": "return {}\n"})
        torch.jit.script(Loud()).save(str(folder / "extra.pt"))
        self.scan(None, "bundle", verdict="unsafe", kind="bundle's folder", finds=["preprocess.lua: a script, which runs in the sandbox; it requires image", "lib/a.lua", "extra.pt > "])
        (folder / "extra.pt").unlink()
        (folder / "preprocess.lua").write_text("return function(x) return x end\n")
        self.assertEqual(mrun("pack", folder, "-o", self.dir / "b.mb").returncode, 0)
        self.scan(None, "b.mb", verdict="code", kind="bundle", finds=["code preprocess.lua: a script", "code lib/a.lua"])
        data = bytearray((self.dir / "b.mb").read_bytes())
        data[-30] ^= 1
        (self.dir / "c.mb").write_bytes(data)
        self.refused(3, "scan", self.dir / "c.mb", contains="not a bundle, or damaged")

    def test_names_in_capitals(self):
        evil = b"cposix\nsystem\n(S'id'\ntR."  # of protocol 0, which nothing but the name tells from text
        (self.dir / "M.PT").write_bytes(evil)
        self.scan(None, "M.PT", verdict="unsafe", kind="pickle", finds="imports posix.system")
        (self.dir / "RUN.PY").write_text("import os\n")
        self.scan(None, "RUN.PY", verdict="code", kind="text", finds="a program's text")

    def test_names_and_what_is_no_model(self):
        evil = "\x1b[31mred\u202e"
        self.scan(stack_global(b"mod\x1b[31m", b"na\xffme") + b".", f"{evil}.pkl", verdict="code", finds="\\x1b[31m")
        self.scan(self.archive({f"m/{evil}.pkl": pickle.dumps(Plain(), 2)}), "x.pt", verdict="code", finds="\\x1b")
        (self.dir / "notes.txt").write_text("hello")
        self.refused(3, "scan", self.dir / "notes.txt", contains="is of no kind that is known")
        self.refused(3, "scan", self.dir / "none", contains="no such file")
        self.refused(3, "scan", "/dev/zero", contains="is a device")


if __name__ == "__main__":
    unittest.main()
