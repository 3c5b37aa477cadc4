"""Every kind of input, every way to give it."""
import json
import struct
import unittest

import numpy

from command import Case, mrun

ECHO = "return function(x) return x end\n"
SUM = 'return function(x)\n  local sum = 0\n  for i = 0, x:size(0) - 1 do sum = sum + x[i] end\n  return { n = x:size(0), sum = sum }\nend\n'


class Text(Case):
    def test_argument(self):
        self.assertEqual(self.answer(self.bundle(preprocess=ECHO), "häß — ok"), "häß — ok")

    def test_empty_text_is_a_text(self):
        self.assertEqual(self.answer(self.bundle(preprocess=ECHO), ""), "")

    def test_several(self):
        self.assertEqual(self.answers(self.bundle(preprocess=ECHO), "a", "b", "c"), ["a", "b", "c"])

    def test_file(self):
        path = self.dir / "t.txt"
        path.write_text("two\nlines\n")
        self.assertEqual(self.answer(self.bundle(preprocess=ECHO), f"@{path}"), "two\nlines")

    def test_pipe(self):
        folder = self.bundle(preprocess=ECHO)
        self.assertEqual(self.answer(folder, stdin="piped\n"), "piped")
        self.assertEqual(self.answer(folder, "-", stdin="piped\n\n"), "piped\n")

    def test_lines(self):
        folder = self.bundle(preprocess=ECHO)
        lines = [f"line {i}" for i in range(500)]
        (self.dir / "lines.txt").write_text("\n".join(lines) + "\n")
        self.assertEqual(self.answers(folder, "--lines", self.dir / "lines.txt"), lines)
        self.assertEqual(self.answers(folder, "--lines", "-", stdin="\n".join(lines)), lines)

    def test_no_lines_at_all(self):
        self.assertEqual(self.answers(self.bundle(preprocess=ECHO), "--lines", "-", stdin=""), [])

    def test_paths(self):
        (self.dir / "a.txt").write_text("in a")
        result = self.answers(self.bundle(preprocess=ECHO), "--paths", "-", stdin=f"{self.dir}/a.txt\n{self.dir}/none\n", status=1)
        self.assertEqual(result[0], "in a")
        self.assertEqual(result[1]["error"]["code"], "INPUT")
        self.assertIn("none", result[1]["error"]["message"])

    def test_invalid_utf8_is_the_items_error(self):
        (self.dir / "bad.txt").write_bytes(b"ok \xff")
        self.item_error("INPUT", "input", self.bundle(preprocess=ECHO), f"@{self.dir}/bad.txt", contains="UTF-8")


class Json(Case):
    def test_values_come_back_by_the_rules(self):
        folder = self.bundle("json", preprocess=ECHO)
        for text in ['{"b":[1,2.5,true],"a":"x"}', "[]", "3", "9007199254740991", '"s"', "[[],[1]]", "0.1", "-1e-7"]:
            self.assertEqual(self.answer(folder, text), json.loads(text))

    def test_jsonl(self):
        self.assertEqual(self.answers(self.bundle("json", preprocess=ECHO), "--jsonl", "-", stdin='1\n{"a":2}\n'), [1, {"a": 2}])

    def test_a_bad_line_costs_only_itself(self):
        result = self.answers(self.bundle("json", preprocess=ECHO), "--jsonl", "-", stdin="1\n{oops\n3\n", status=1)
        self.assertEqual((result[0], result[1]["error"]["code"], result[2]), (1, "INPUT", 3))

    def test_integers_are_never_rounded(self):
        self.item_error("SCRIPT", "preprocess", self.bundle("json", preprocess=ECHO), "9007199254740993", contains="9007199254740993")


class Bytes(Case):
    def test_file_pipe_and_folder(self):
        folder = self.bundle("bytes", preprocess=SUM)
        data = self.dir / "data"
        (data / "sub").mkdir(parents=True)
        (data / "b.bin").write_bytes(bytes([1, 2, 3]))
        (data / "a.bin").write_bytes(b"")
        (data / "sub/c.bin").write_bytes(b"\xff")
        (data / ".hidden").write_bytes(b"x")
        self.assertEqual(self.answer(folder, data / "b.bin"), {"n": 3, "sum": 6})
        self.assertEqual(self.answers(folder, data), [{"n": 0, "sum": 0}, {"n": 3, "sum": 6}, {"n": 1, "sum": 255}])

    def test_missing_file_and_folder_in_place_of_a_file(self):
        folder = self.bundle("bytes", preprocess=SUM)
        self.item_error("INPUT", "input", folder, self.dir / "none.bin", contains=["none.bin", "no such file"])


class Tensor(Case):
    def test_npy(self):
        folder = self.bundle("tensor", preprocess="return function(x)\n  local a, b = x:shape()\n  return { a, b, x.dtype, x[1][2] }\nend\n")
        for dtype in ["float32", "float64", "int64", "int32", "uint8", "bool"]:
            array = numpy.arange(6).reshape(2, 3).astype(dtype)
            for order in "CF":
                numpy.save(self.dir / "x.npy", numpy.asarray(array, order=order))
                self.assertEqual(self.answer(folder, self.dir / "x.npy"), [2, 3, dtype, array[1][2].item()])

    def test_safetensors(self):
        header = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                             "n": {"dtype": "I64", "shape": [], "data_offsets": [8, 16]}}).encode()
        (self.dir / "x.safetensors").write_bytes(
            struct.pack("<Q", len(header)) + header + struct.pack("<ffq", 1.5, 2.5, 7))
        folder = self.bundle("tensor", preprocess="return function(x) return { x.a:tolist(), x.n:item() } end\n")
        self.assertEqual(self.answer(folder, self.dir / "x.safetensors"), [[1.5, 2.5], 7])

    def test_a_wrong_suffix_says_what_is_wanted(self):
        (self.dir / "x.txt").write_text("1")
        self.item_error("INPUT", "input", self.bundle("tensor", preprocess=ECHO), self.dir / "x.txt", contains=".npy")


class Record(Case):
    TOML = '[input.fields]\nquestion = "text"\ndata = {kind = "bytes", optional = true}\n'

    def test_fields_by_name(self):
        (self.dir / "d").write_bytes(b"abc")
        folder = self.bundle("record", toml=self.TOML, preprocess="return function(x) return { x.question, x.data and x.data:size(0) } end\n")
        self.assertEqual(self.answer(folder, "question=why=not?", f"data={self.dir}/d"), ["why=not?", 3])
        self.assertEqual(self.answer(folder, "question=why"), ["why"])

    def test_missing_and_unknown_fields(self):
        folder = self.bundle("record", toml=self.TOML, preprocess=ECHO)
        self.item_error("INPUT", "input", folder, f"data={__file__}", contains="question")
        result = mrun(folder, "question=a", "qestion=b")
        self.assertEqual(result.returncode, 1)
        self.assertIn("question", json.loads(result.stdout)["error"]["message"])

    def test_jsonl_of_texts(self):
        folder = self.bundle("record", toml='[input.fields]\na = "text"\nb = "json"\n', preprocess="return function(x) return x end\n")
        self.assertEqual(self.answers(folder, "--jsonl", "-", stdin='{"a": "x", "b": [1]}\n'), [{"a": "x", "b": [1]}])


if __name__ == "__main__":
    unittest.main()
