"""ONNX files for the tests, written field by field (onnx.proto of ONNX 1.17 has the numbers): no package for it is needed, and what no
exporter would write can be made too."""
import io

import torch

FLOAT, UINT8, INT8, UINT16, INT16, INT32, INT64, STRING, BOOL, FLOAT16, DOUBLE, UINT32, UINT64 = range(1, 14)
TYPES = {"float32": FLOAT, "uint8": UINT8, "int8": INT8, "uint16": UINT16, "int16": INT16, "int32": INT32, "int64": INT64, "bool": BOOL,
         "float16": FLOAT16, "float64": DOUBLE, "uint32": UINT32, "uint64": UINT64}


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, content):
    """content: an int, text, bytes, or a list of them for a repeated field."""
    if isinstance(content, list):
        return b"".join(field(number, c) for c in content)
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def port(name, kind, shape=None):
    """shape: None for any rank; a text for any size."""
    dims = [field(2 if isinstance(size, str) else 1, size) for size in shape or []]
    tensor = field(1, kind) + (b"" if shape is None else field(2, field(1, dims)))
    return field(1, name) + field(2, field(1, tensor))


def constant(name, array, external=None):
    """A weight; external: the name of the file that holds its bytes."""
    head = field(1, list(array.shape)) + field(2, TYPES[array.dtype.name]) + field(8, name)
    if external is None:
        return head + field(9, array.tobytes())
    return head + field(13, field(1, "location") + field(2, external)) + field(14, 1)


def node(operator, inputs, outputs, **integers):
    attributes = [field(1, name) + field(3, value) + field(20, 2) for name, value in integers.items()]
    return field(1, inputs) + field(2, outputs) + field(4, operator) + field(5, attributes)


def model(nodes, inputs, outputs, constants=()):
    graph = field(1, nodes) + field(2, "graph") + field(5, list(constants)) + field(11, inputs) + field(12, outputs)
    return field(1, 8) + field(7, graph) + field(8, field(2, 17))


def doubled(dtype):
    """y = x + x, or not x, of any shape."""
    step = node("Not", ["x"], ["y"]) if dtype == "bool" else node("Add", ["x", "x"], ["y"])
    return model([step], [port("x", TYPES[dtype])], [port("y", TYPES[dtype])])


def linear(weight, bias, rows="n", external=None):
    """y = x weight + bias, of float32 [rows, ...]."""
    steps = [node("MatMul", ["x", "weight"], ["product"]), node("Add", ["product", "bias"], ["y"])]
    constants = [constant("weight", weight, external), constant("bias", bias)]
    return model(steps, [port("x", FLOAT, [rows, weight.shape[0]])], [port("y", FLOAT, [rows, weight.shape[1]])], constants)


def pair():
    """Several inputs and outputs, of several dtypes, with names that are no names of a schema: y = a * b, and 2 b."""
    steps = [node("Cast", ["1"], ["factor"], to=FLOAT), node("Mul", ["input.1", "factor"], ["/y/out"]), node("Add", ["1", "1"], ["2"])]
    return model(steps, [port("input.1", FLOAT, ["n", 3]), port("1", INT64, ["n", 1])], [port("/y/out", FLOAT, ["n", 3]), port("2", INT64, ["n", 1])])


def of_strings():
    return model([node("Identity", ["x"], ["y"])], [port("x", STRING, ["n"])], [port("y", STRING, ["n"])])


def exported(module, example):
    """What PyTorch's exporter makes of a module, the first dimension any size."""
    out = io.BytesIO()
    torch.onnx.export(module.eval(), example, out, input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "n"}, "y": {0: "n"}})
    return out.getvalue()
