"""late.py LIBMRUN PLUGIN BUNDLE: gives a bundle of kind json one item with a deadline of half a second, in a worker process; prints the error."""
import ctypes
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "hosts"))
import in_python  # noqa: E402


class Item(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("number", ctypes.c_uint64), ("numbered", ctypes.c_int32), ("json", ctypes.c_int32),
                ("timeout", ctypes.c_double), ("emit", ctypes.c_void_p), ("emit_user", ctypes.c_void_p), ("deadline", ctypes.c_double)]


library, plugin, bundle = sys.argv[1:]
lib, engine, error = ctypes.CDLL(library), ctypes.c_void_p(), in_python.Error()
in_python.check(lib.mrun_load_plugin(plugin.encode(), ctypes.byref(error)), error)
options = in_python.Options(ctypes.sizeof(in_python.Options), in_python.ISOLATION["process"], 1)
in_python.check(lib.mrun_start(in_python.opened(lib, bundle), ctypes.byref(options), ctypes.byref(engine), ctypes.byref(error)), error)
item, nothing, result = Item(size=ctypes.sizeof(Item), deadline=0.5), in_python.Value(), in_python.Result()
lib.mrun_run(engine, ctypes.byref(nothing), ctypes.byref(item), ctypes.byref(result))
print(result.error.message.decode())
in_python.check(lib.mrun_stop(engine), error)
