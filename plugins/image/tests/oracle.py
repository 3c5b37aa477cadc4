"""The library under test, through ctypes, for the oracle tests beside this file."""
import ctypes
import os
import unittest

import numpy as np

_path = os.path.join(os.environ["MRUN_BUILD"], "lib", "image_oracle.so")
lib = ctypes.CDLL(_path)
lib.image_error.restype = ctypes.c_char_p


class Failure(Exception):
    pass


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def call(name, *args):
    converted = []
    for a in args:
        if isinstance(a, np.ndarray):
            assert a.flags["C_CONTIGUOUS"]
            converted.append(pointer(a))
        elif a is None:
            converted.append(None)
        elif isinstance(a, str):
            converted.append(a.encode())
        elif isinstance(a, float):
            converted.append(ctypes.c_double(a))
        else:
            converted.append(a)
    code = getattr(lib, name)(*converted)
    if code:
        raise Failure(lib.image_error().decode())


def first_difference(a, b):
    where = np.argwhere(a != b)
    return None if not len(where) else f"{len(where)} differ, first at {tuple(where[0])}: " \
        f"{a[tuple(where[0])]} against {b[tuple(where[0])]}"


class TestCase(unittest.TestCase):
    def same(self, ours, theirs, what):
        self.assertEqual(ours.shape, theirs.shape, what)
        self.assertEqual(ours.dtype, theirs.dtype, what)
        if ours.tobytes() != theirs.tobytes():
            self.fail(f"{what}: {first_difference(ours, theirs)}")
