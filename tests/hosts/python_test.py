"""libmrun in a Python process that imports torch, torchvision, cv2, sentencepiece and grpc in any order, before and after it: the same
answers as the command's, and the process ends with 0."""
import os
import pathlib
import subprocess
import sys
import unittest

SOURCE, BUILD = pathlib.Path(os.environ["MRUN_SOURCE"]), pathlib.Path(os.environ["MRUN_BUILD"])
TEXT, DIGITS = SOURCE / "bundles/good-bad-ugly/bundle", SOURCE / "bundles/digits/bundle"
TEXTS = ["praise and joy", "the way of the wicked"]
ORDERS = [
    ("", ""),
    ("torch torchvision cv2 sentencepiece grpc", ""),
    ("grpc sentencepiece cv2 torchvision", ""),
    ("", "grpc sentencepiece cv2 torchvision"),
    ("cv2", "torch grpc"),
    ("sentencepiece", "torch cv2"),
    ("torch", "cv2 sentencepiece"),
    ("grpc", "torchvision"),
]


class InPython(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.wanted = "".join(subprocess.run([os.environ["MRUN"], TEXT, text], capture_output=True, text=True, check=True).stdout for text in TEXTS)

    def check(self, before, after, isolation):
        with self.subTest(before=before, after=after, isolation=isolation):
            run = subprocess.run([sys.executable, pathlib.Path(__file__).with_name("in_python.py"), "lib/libmrun.so", TEXT, DIGITS, isolation,
                                  before, after, *TEXTS], capture_output=True, text=True, timeout=600, cwd=BUILD)
            self.assertEqual((run.returncode, run.stdout), (0, self.wanted), run.stderr)

    def test_answers_in_the_process(self):
        for before, after in ORDERS:
            self.check(before, after, "none")

    def test_answers_in_a_worker(self):
        for before, after in ORDERS[1:4]:
            self.check(before, after, "process")


if __name__ == "__main__":
    unittest.main()
