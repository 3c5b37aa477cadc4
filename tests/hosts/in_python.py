"""A Python process as a host: in_python.py LIBMRUN BUNDLE OTHER ISOLATION BEFORE AFTER TEXT... imports the modules BEFORE, answers the
texts by BUNDLE and verifies OTHER through ctypes and imports the modules AFTER; prints the answers and ends as any Python does."""
import ctypes
import importlib
import os
import sys

ISOLATION = {"process": 1, "none": 2}


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("message", ctypes.c_char_p), ("detail", ctypes.c_char_p)]


class Value(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("data", ctypes.c_void_p), ("size", ctypes.c_size_t), ("owner", ctypes.c_void_p)]


class Options(ctypes.Structure):  # the first members; zero is the default of the others
    _fields_ = [("size", ctypes.c_size_t), ("isolation", ctypes.c_int32), ("workers", ctypes.c_int32), ("others", ctypes.c_char * 120)]


class Item(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("number", ctypes.c_uint64), ("numbered", ctypes.c_int32), ("json", ctypes.c_int32), ("others", ctypes.c_char * 32)]


class Result(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("stage", ctypes.c_char_p), ("error", Error), ("answer", Value), ("json", ctypes.c_char_p),
                ("time", ctypes.c_double * 6)]


def use(names):
    for name in names.split():
        module = importlib.import_module(name)
        if name == "torch":
            assert module.nn.Linear(3, 2)(module.ones(4, 3)).sum().isfinite()
        elif name == "cv2":
            numpy = importlib.import_module("numpy")
            assert module.resize(numpy.ones((8, 8, 3), "uint8"), (4, 4)).sum() == 48
        elif name == "grpc":
            importlib.import_module("google.protobuf.struct_pb2").Struct().SerializeToString()


def check(code, error):
    if code:
        sys.exit(f"{code}: {(error.message or b'').decode()}")


def opened(lib, path):
    bundle, error = ctypes.c_void_p(), Error()
    check(lib.mrun_open(path.encode(), None, ctypes.byref(bundle), ctypes.byref(error)), error)
    return bundle


def verify(lib, path, options):
    bundle, report, error = opened(lib, path), ctypes.c_char_p(), Error()
    check(lib.mrun_verify(bundle, ctypes.byref(options), None, ctypes.byref(report), ctypes.byref(error)), error)
    check(lib.mrun_close(bundle), error)


def answer(lib, path, options, texts):
    bundle, engine, error = opened(lib, path), ctypes.c_void_p(), Error()
    check(lib.mrun_start(bundle, ctypes.byref(options), ctypes.byref(engine), ctypes.byref(error)), error)
    item = Item(size=ctypes.sizeof(Item), json=1)
    for text in texts:
        borrowed, result = text.encode(), Result()
        lib.mrun_run(engine, ctypes.byref(lib.mrun_text(borrowed)), ctypes.byref(item), ctypes.byref(result))
        check(result.code, result.error)
        print(result.json.decode())
        lib.mrun_result_free(ctypes.byref(result))
    check(lib.mrun_stop(engine), error)
    check(lib.mrun_close(bundle), error)


def main():
    library, bundle, other, isolation, before, after, *texts = sys.argv[1:]
    use(before)
    lib = ctypes.CDLL(library)
    os.chdir("/")  # as a service does, which finds its worker and plugins still
    lib.mrun_text.restype = Value
    options = Options(ctypes.sizeof(Options), ISOLATION[isolation], 1)
    answer(lib, bundle, options, texts)
    verify(lib, other, options)
    use(after)
    use(before)


if __name__ == "__main__":
    main()
