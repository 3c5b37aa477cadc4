"""Every kind of input, every way to give it."""
import io
import json
import os
import struct
import subprocess
import threading
import unittest

import numpy

from command import MRUN, Case, mrun

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

    def test_line_ends_and_byte_order_marks_are_no_part_of_a_text(self):
        folder = self.bundle(preprocess=ECHO)
        (self.dir / "lines.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\n\r\nthree")
        self.assertEqual(self.answers(folder, "--lines", self.dir / "lines.txt"), ["one", "two", "", "three"])
        (self.dir / "t.txt").write_bytes(b"\xef\xbb\xbftwo\r\nlines\r\n")
        self.assertEqual(self.answer(folder, f"@{self.dir}/t.txt"), "two\r\nlines")
        with open(self.dir / "t.txt") as file:
            self.assertEqual(subprocess.run([MRUN, folder], stdin=file, capture_output=True, text=True).stdout, '"two\\r\\nlines"\n')
        (self.dir / "v.json").write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n')
        folder = self.bundle("json", preprocess=ECHO)
        self.assertEqual(self.answer(folder, f"@{self.dir}/v.json"), {"a": 1})
        self.assertEqual(self.answers(folder, "--jsonl", self.dir / "v.json"), [{"a": 1}])
        (self.dir / "paths").write_bytes(f"{self.dir}/t.txt\r\n".encode())
        self.assertEqual(self.answers(self.bundle(preprocess=ECHO), "--paths", self.dir / "paths"), ["two\r\nlines"])

    def test_utf16_is_named(self):
        for encoding in ["utf-16-le", "utf-16-be"]:
            (self.dir / "t.txt").write_bytes("\ufeffa\nb\n".encode(encoding))
            folder = self.bundle(preprocess=ECHO)
            for option in ["--lines", "--jsonl", "--paths"]:  # all of it is refused: its second line would be a text of zero bytes
                self.refused(2, folder, option, self.dir / "t.txt", contains=["t.txt: is UTF-16", "UTF-8 is wanted"])
            self.item_error("INPUT", "input", folder, f"@{self.dir}/t.txt", contains="the text is UTF-16; a text in UTF-8 is wanted")
            self.item_error("INPUT", "input", self.bundle("json", preprocess=ECHO), f"@{self.dir}/t.txt", contains="is UTF-16; save the file as UTF-8")
            self.refused(3, self.bundle(files={"preprocess.lua": ECHO.join("\ufeff ").encode(encoding)}), "x", contains="preprocess.lua: the file is UTF-16")

    def test_nothing_on_standard_input_is_no_input(self):
        for kind in ["text", "json", "bytes", "record"]:
            folder = self.bundle(kind, toml='[input.fields]\na = "text"\n' if kind == "record" else "", preprocess=ECHO)
            self.refused(2, folder, contains=["no INPUT given", f"takes {kind}"])
        folder = self.bundle(preprocess=ECHO)
        result = subprocess.run(["sh", "-c", '"$0" "$1" <&-', MRUN, folder], capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertEqual(self.answer(folder, "-"), "")  # asked for

    def test_standard_input_is_read_once(self):
        self.refused(2, self.bundle(preprocess=ECHO), "-", "a", "-", stdin="x", contains="-: is given twice, and standard input can be read once")
        folder = self.bundle("record", toml='[input.fields]\na = "text"\nb = "text"\n', preprocess=ECHO)
        self.refused(2, folder, "a=-", "b=-", stdin="x", contains="-: is given twice")

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
        self.item_error("INPUT", "input", self.bundle(preprocess=ECHO), f"@{self.dir}/bad.txt", contains="the text is not valid UTF-8 at byte 3; a text in UTF-8 is wanted")
        (self.dir / "bad.lines").write_bytes(b"one\nh\xe9\n")
        answers = self.answers(self.bundle(preprocess=ECHO), "--lines", self.dir / "bad.lines", status=1)
        self.assertEqual(answers[0], "one")
        self.assertTrue(answers[1]["error"]["message"].endswith("bad.lines:2: the text is not valid UTF-8 at byte 1; a text in UTF-8 is wanted"), answers)


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

    def test_what_a_folder_cannot_give_is_said(self):
        folder = self.bundle("bytes", preprocess=SUM)
        data = self.dir / "data"
        (data / "sub").mkdir(parents=True)
        (data / "a.bin").write_bytes(b"a")
        (data / "round").symlink_to("round")
        (data / "nowhere").symlink_to("none")
        (data / "linked").symlink_to("sub")
        os.mkfifo(data / "pipe")
        result = mrun(folder, data)
        self.assertEqual(result.returncode, 1, result.stderr)
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(answers[0], {"n": 1, "sum": 97})
        self.assertEqual([a["error"]["input"] for a in answers[1:]], [str(data / n) for n in ["nowhere", "pipe", "round"]])
        self.assertIn("linked: is a link to a folder, not followed", result.stderr)

    def test_a_folder_without_a_file_is_said(self):
        folder, data = self.bundle("bytes", preprocess=SUM), self.dir / "data"
        data.mkdir()
        (data / ".hidden").write_bytes(b"x")
        result = mrun(folder, data)
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        self.assertIn(f"{data}: is a folder without a file (those whose names begin with a dot do not count)", result.stderr)
        (data / "a.bin").write_bytes(b"x")
        self.refused(2, "record", folder, "one", data, contains=f"{data}: is a folder; one file is wanted")

    def test_a_line_of_paths_that_is_no_record(self):
        folder = self.bundle("record", toml='[input.fields]\na = "bytes"\n', preprocess="return function(x) return x.a end\n")
        (self.dir / "one").write_bytes(b"\x07")
        (self.dir / "paths").write_text(f'[]\nnull\n{{"a": "{self.dir}/one"}}\n')
        *wrong, right = self.answers(folder, "--paths", self.dir / "paths", status=1)
        for given, answer in zip(["[]", "null"], wrong):
            self.assertEqual(answer["error"]["message"], f"{given}: no such file; of a record, a line is a JSON object of paths and texts, "
                                                         "or the path of a file that holds one")
        self.assertEqual(right, [7])

    def test_a_failing_file_is_named_whoever_fails(self):
        folder = self.bundle("bytes", preprocess='return function(x)\n  if x:size(0) == 2 then error "two" end\n  return x:size(0)\nend\n')
        for name, size in [("a", 1), ("b\xff\x1b", 2)]:
            (self.dir / name).write_bytes(b"x" * size)
        os.rename(self.dir / "b\xff\x1b", os.fsencode(self.dir) + b"/b\xff\x1b")
        (self.dir / "paths").write_bytes(os.fsencode(self.dir) + b"/a\n" + os.fsencode(self.dir) + b"/b\xff\x1b\n")
        one, two = self.answers(folder, "--paths", self.dir / "paths", status=1)
        self.assertEqual((one, two["error"]["input"], two["error"]["code"]), (1, f"{self.dir}/b\\xff\\x1b", "SCRIPT"))
        _, two = self.answers(folder, "--paths", self.dir / "paths", "--meta", status=1)
        self.assertEqual(two["meta"]["input"]["other_path"], f"{self.dir}/b\\xff\\x1b")

    def test_pipes_and_devices(self):
        folder = self.bundle("bytes", preprocess=SUM)
        for device in ["/dev/zero", "/dev/null"]:
            self.item_error("INPUT", "input", folder, device, contains=[device, "is a device"])
            self.item_error("INPUT", "input", self.bundle(name="text", preprocess=ECHO), f"@{device}", contains="is a device")
        pipe = self.dir / "pipe"
        os.mkfifo(pipe)
        self.item_error("INPUT", "input", folder, pipe, contains=["pipe", "nobody writes"])
        writer = threading.Thread(target=lambda: pipe.write_bytes(b"\1\2"))
        writer.start()
        self.assertEqual(self.answer(folder, pipe), {"n": 2, "sum": 3})
        writer.join()
        result = subprocess.run(["bash", "-c", '"$0" "$1" <(printf ab) --meta', MRUN, folder], capture_output=True, text=True)
        self.assertEqual(json.loads(result.stdout)["meta"]["input"]["stdin"], True, result.stderr)
        self.refused(3, pipe, "x", contains="pipe")
        (folder / "bundle.toml").unlink()
        os.mkfifo(folder / "bundle.toml")
        self.refused(3, folder, "x", contains="bundle.toml: is not a regular file")

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

    def test_shapes_that_overflow_and_bytes_that_are_not_there(self):
        folder = self.bundle("tensor", preprocess="return function(x) return x end\n")
        whole = io.BytesIO()
        numpy.save(whole, numpy.zeros(4, "float32"))
        for shape, says in (("4611686018427387904,", "too large"), ("4294967296, 4294967296, 0", "too large"), ("99999999999999999999,", "beyond 64 bits"),
                            ("2147483648, 4", "has 34359738368 bytes, 16 are there"), ("0, 3", "has 0 bytes, 16 are there")):
            length, = struct.unpack_from("<H", whole.getvalue(), 8)
            header = f"{{'descr': '<f4', 'fortran_order': True, 'shape': ({shape}), }}".ljust(length - 1) + "\n"
            (self.dir / "x.npy").write_bytes(whole.getvalue()[:10] + header.encode() + whole.getvalue()[10 + length:])
            self.item_error("INPUT", "input", folder, self.dir / "x.npy", contains=["x.npy", says])
        for shape in ([1 << 62], [1 << 62, 4], [(1 << 63) - 1] * 2, [4, 1 << 62, 0]):
            header = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, 16]}}).encode()
            (self.dir / "x.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
            self.item_error("INPUT", "input", folder, self.dir / "x.safetensors", contains="x.safetensors")

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

    def test_a_field_from_standard_input(self):
        folder = self.bundle("record", '[input.fields]\nwords = "text"\ndata = {kind = "json", optional = true}\nfile = {kind = "bytes", optional = true}\n',
                             preprocess="return function(x) return {words = x.words, data = x.data, bytes = x.file and x.file:size(0)} end\n")
        self.assertEqual(self.answer(folder, "words=-", stdin="häß\n"), {"words": "häß"})
        self.assertEqual(self.answer(folder, "words=a", "data=-", stdin="[1, null]\n"), {"words": "a", "data": [1, None]})
        self.assertEqual(self.answer(folder, "words=a", "file=-", stdin="12345"), {"words": "a", "bytes": 5})
        self.item_error("INPUT", "input", folder, "words=a", "data=-", stdin="[1,", contains='field "data"')
        self.refused(2, folder, "words=-", "data=-", stdin="1", contains="given twice")

    def test_a_record_as_json(self):
        folder = self.bundle("record", toml=self.TOML, preprocess="return function(x) return x.question end\n")
        self.assertEqual(self.answer(folder, '{"question": "a=b"}'), "a=b")
        self.assertEqual(self.answer(folder, "-", stdin='{"question": "c"}'), "c")
        (self.dir / "r.json").write_text('{"question": "d"}')
        self.assertEqual(self.answer(folder, f"@{self.dir}/r.json"), "d")
        self.item_error("INPUT", "input", folder, '{"question": "a", "data": "x.bin"}', contains=['"data"', "NAME=PATH"])
        self.refused(2, folder, "[1]", contains="NAME=VALUE for each field, or one JSON object")

    def test_paths_of_records(self):
        folder = self.bundle("record", toml=self.TOML, preprocess="return function(x) return { x.question, x.data and x.data:size(0) } end\n")
        (self.dir / "d").write_bytes(b"abc")
        (self.dir / "r.json").write_text('{"question": "of a file"}')
        lines = [json.dumps({"question": "a", "data": f"{self.dir}/d"}), ' {"question": "b"}', str(self.dir / "r.json"), '{"data": "none", "question": "c"}',
                 '{"question": 1}', '{"qestion": "x"}', '{"question"', "{}"]
        path = self.dir / "list"
        path.write_text("".join(line + "\n" for line in lines))
        answers = self.answers(folder, "--paths", path, status=1)
        self.assertEqual(answers[:3], [["a", 3], ["b"], ["of a file"]])
        for answer, text in zip(answers[3:], ("none", "want a text", "missing", f"{path}:7: column 12", "missing")):
            self.assertEqual(answer["error"]["code"], "INPUT", answer)
            self.assertIn(text, answer["error"]["message"])
        envelope = self.answers(folder, "--paths", path, "--meta", status=1)[0]
        fields = envelope["meta"]["input"]["fields"]
        self.assertEqual((fields["data"]["path"], fields["question"]["text"]), (f"{self.dir}/d", "a"))

    def test_jsonl_of_texts(self):
        folder = self.bundle("record", toml='[input.fields]\na = "text"\nb = "json"\n', preprocess="return function(x) return x end\n")
        self.assertEqual(self.answers(folder, "--jsonl", "-", stdin='{"a": "x", "b": [1]}\n'), [{"a": "x", "b": [1]}])


if __name__ == "__main__":
    unittest.main()
