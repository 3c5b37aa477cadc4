"""JSON, safetensors and .npy of core/value against Python's json, struct and NumPy."""
import io
import json
import os
import random
import struct
import subprocess
import unittest

import numpy as np

TOOL = os.path.join(os.environ["MRUN_BUILD"], "bin", "value_convert")


def convert(form, data):
    run = subprocess.run([TOOL, form], input=data, capture_output=True)
    if run.returncode not in (0, 1):
        raise AssertionError(f"value_convert {form} ended with {run.returncode}")
    return run.stdout if run.returncode == 0 else None, run.stderr.decode()


def json_text(value):
    return json.dumps(value, sort_keys=True, indent=1) + "\n"


class Json(unittest.TestCase):
    def same(self, value):
        out, error = convert("canonical", json.dumps(value).encode())
        self.assertEqual(error, "")
        self.assertEqual(out.decode(), json_text(value))
        for form in ("json", "pretty"):
            out, error = convert(form, json.dumps(value, ensure_ascii=False).encode())
            self.assertEqual(error, "")
            self.assertEqual(json.loads(out), value)

    def test_doubles_are_pythons_to_the_character(self):
        rng = random.Random(1)
        doubles = []
        while len(doubles) < 50000:
            (x,) = struct.unpack("<d", rng.randbytes(8))
            if x == x and abs(x) != float("inf"):
                doubles.append(x)
        doubles += [float(rng.randrange(-10**6, 10**6)) for _ in range(1000)]
        doubles += [rng.uniform(-1, 1) * 10.0 ** rng.randrange(-8, 20) for _ in range(20000)]
        doubles += [10.0**e for e in range(-300, 300)] + [0.0, -0.0, 2.0**53, 5e-324, 1.7976931348623157e308]
        out, error = convert("canonical", json.dumps(doubles).encode())
        self.assertEqual(error, "")
        self.assertEqual(out.decode(), json_text(doubles))
        out, _ = convert("json", json.dumps(doubles).encode())
        self.assertEqual(json.loads(out), doubles)
        self.assertNotIn(b".0,", out)

    def test_integers_are_exact(self):
        rng = random.Random(2)
        self.same([rng.randrange(-2**63, 2**63) for _ in range(5000)] + [2**63 - 1, -2**63, 0, -1])

    def test_texts_and_keys(self):
        rng = random.Random(3)

        def text():
            alphabet = [range(0x20), range(0x20, 0x7F), range(0x7F, 0x800), range(0x800, 0xD800), range(0xE000, 0x110000)]
            return "".join(chr(rng.choice(rng.choice(alphabet))) for _ in range(rng.randrange(12)))

        self.same([text() for _ in range(3000)])
        self.same({text(): text() for _ in range(3000)})

    def test_structures(self):
        rng = random.Random(4)

        def value(depth):
            kind = rng.randrange(7 if depth else 5)
            if kind == 5:
                return [value(depth - 1) for _ in range(rng.randrange(5))]
            if kind == 6:
                return {str(rng.randrange(100)): value(depth - 1) for _ in range(rng.randrange(5))}
            return [None, True, False, rng.randrange(1000), "text"][kind]

        for _ in range(50):
            self.same(value(6))

    def test_one_line_for_readers_of_lines(self):
        out, _ = convert("json", json.dumps(["\u2028\u2029\u0085\r\n\x1b\x9b"]).encode())
        self.assertEqual(len(out.decode().splitlines()), 1)
        self.assertTrue(out.isascii())

    def test_what_python_refuses_is_refused(self):
        for text in (b"[1,]", b"{'a':1}", b"[1 2]", b"{\"a\" 1}", b"\xff", b"\"\x00\"", b"01", b"[", b"", b"1 1", b"\"\\q\""):
            with self.assertRaises(ValueError):
                json.loads(text)
            self.assertIsNone(convert("json", text)[0], text)


class Npy(unittest.TestCase):
    DTYPES = ["?", "i1", "u1", "i2", "u2", "f2", "i4", "u4", "f4", "i8", "u8", "f8", "c8", "c16"]

    def saved(self, array, **more):
        out = io.BytesIO()
        np.lib.format.write_array(out, array, **more)
        return out.getvalue()

    def arrays(self):
        rng = np.random.default_rng(5)
        for dtype in self.DTYPES:
            for shape in ((), (0,), (1,), (7,), (3, 4), (2, 0, 3), (2, 3, 4, 5)):
                yield np.asarray(rng.uniform(-100, 100, shape).astype(dtype) if dtype != "?" else rng.uniform(size=shape) > 0.5)

    def test_arrays_come_back(self):
        for array in self.arrays():
            for version in ((1, 0), (2, 0), (3, 0)):
                for given in (array, np.asfortranarray(array)):
                    out, error = convert("npy", self.saved(given, version=version))
                    self.assertEqual(error, "")
                    back = np.load(io.BytesIO(out), allow_pickle=False)
                    self.assertEqual((back.dtype, back.shape), (given.dtype, given.shape))
                    self.assertEqual(back.tobytes(), array.tobytes())
                    self.assertEqual((len(out) - array.nbytes) % 64, 0)

    def test_values_as_json(self):
        for array in self.arrays():
            if array.dtype.kind != "c":
                out, error = convert("npy-json", self.saved(np.asfortranarray(array)))
                self.assertEqual(error, "")
                back = np.array(json.loads(out), dtype=array.dtype).reshape(array.shape)
                self.assertEqual(back.tobytes(), array.tobytes())

    def test_float32_is_written_as_numpy_writes_it(self):
        bits = np.random.default_rng(6).integers(0, 2**32, 20000, dtype=np.uint32)
        array = bits.view(np.float32)
        array = array[np.isfinite(array)]
        out, _ = convert("npy-json", self.saved(array))
        for text, x in zip(out.decode()[1:-1].split(","), array):
            self.assertEqual(np.float32(text), x)
            self.assertEqual(float(text), float(np.format_float_scientific(x, unique=True)))

    def test_what_is_refused(self):
        cases = {
            "big-endian": np.arange(3, dtype=">f4"),
            "records": np.zeros(2, dtype=[("a", "f4")]),
            "dtype '<U3'": np.array(["abc"]),
            "dtype '|S3'": np.array([b"abc"]),
            "dtype '<M8[s]'": np.array(["2020-01-01"], dtype="M8[s]"),
            "dtype '<f16'": np.zeros(2, dtype=np.longdouble),
        }
        for want, array in cases.items():
            out, error = convert("npy", self.saved(array))
            self.assertIsNone(out)
            self.assertIn(want, error)
        out, error = convert("npy", self.saved(np.array([{}], dtype=object), allow_pickle=True))
        self.assertIsNone(out)
        self.assertIn("Python objects", error)


SIZE = dict(BOOL=1, U8=1, I8=1, F8_E5M2=1, F8_E4M3=1, I16=2, U16=2, F16=2, BF16=2, I32=4, U32=4, F32=4, I64=8, U64=8, F64=8)


def make(tensors, metadata=None, pad=0):
    """A safetensors file by the published rules: {name: (dtype, shape, bytes)}."""
    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (dtype, shape, content) in tensors.items():
        header[name] = dict(dtype=dtype, shape=shape, data_offsets=[len(data), len(data) + len(content)])
        data += content
    text = json.dumps(header).encode() + b" " * pad
    return struct.pack("<Q", len(text)) + text + data


def load(b):
    """A reader by the published rules, and by our profile's: aligned, sorted."""
    (n,) = struct.unpack_from("<Q", b)
    assert 8 + n <= len(b) and b[8:9] == b"{" and (8 + n) % 64 == 0

    def no_duplicates(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    header = json.loads(b[8 : 8 + n].decode(), object_pairs_hook=no_duplicates)
    metadata = header.pop("__metadata__", {})
    assert all(isinstance(v, str) for v in metadata.values())
    order = sorted(header, key=lambda k: header[k]["data_offsets"])
    assert [k for k in order if header[k]["data_offsets"][0] != header[k]["data_offsets"][1]] == [
        k for k in sorted(header, key=lambda k: (-SIZE[header[k]["dtype"]], k.encode()))
        if header[k]["data_offsets"][0] != header[k]["data_offsets"][1]]
    end, out = 0, {}
    for name in order:
        t = header[name]
        (begin, stop), size = t["data_offsets"], SIZE[t["dtype"]]
        for d in t["shape"]:
            size *= d
        assert begin == end and stop - begin == size and (8 + n + begin) % SIZE[t["dtype"]] == 0, name
        end = stop
        out[name] = (t["dtype"], t["shape"], b[8 + n + begin : 8 + n + stop])
    assert 8 + n + end == len(b)
    return out, metadata


class SafeTensors(unittest.TestCase):
    def test_random_files_come_back(self):
        rng = random.Random(7)
        for _ in range(150):
            tensors = {}
            for i in range(rng.randrange(12)):
                dtype = rng.choice(list(SIZE))
                shape = [rng.randrange(5) for _ in range(rng.randrange(5))]
                count = SIZE[dtype]
                for d in shape:
                    count *= d
                content = rng.randbytes(count) if dtype != "BOOL" else bytes(rng.randrange(2) for _ in range(count))
                tensors[rng.choice(["w", "é", "a.b/c", "\n"]) + str(i)] = (dtype, shape, content)
            metadata = rng.choice([None, {}, {"a": "é\n"}])
            out, error = convert("safetensors", make(tensors, metadata, rng.randrange(9)))
            self.assertEqual(error, "")
            back, about = load(out)
            self.assertEqual(back, tensors)
            self.assertEqual(about, metadata or {})
            again, _ = convert("safetensors", out)
            self.assertEqual(again, out)

    def test_strides_and_aliases_come_back(self):
        tensors = {"w": ("F32", [2, 3], bytes(range(24))), "v": ("I64", [1], bytes(8))}
        metadata = {"mrun.strides": '{"w":[1,2]}', "mrun.alias": '{"tied":"w"}', "x": "y"}
        out, error = convert("safetensors", make(tensors, metadata))
        self.assertEqual(error, "")
        back, about = load(out)
        # The first name by bytes keeps the memory.
        self.assertEqual(back, {"tied": tensors["w"], "v": tensors["v"]})
        self.assertEqual(about, {"mrun.strides": '{"tied":[1,2]}', "mrun.alias": '{"w":"tied"}', "x": "y"})


if __name__ == "__main__":
    unittest.main()
