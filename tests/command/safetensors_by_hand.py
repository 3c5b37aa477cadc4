"""The safetensors format, as far as the tests of examples need it."""
import json
import struct


def of_bytes(tensors):
    """A file of 1-D uint8 tensors."""
    header, body = {}, b""
    for name, content in tensors.items():
        header[name] = {"dtype": "U8", "shape": [len(content)], "data_offsets": [len(body), len(body) + len(content)]}
        body += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def float32(data):
    """name -> array, of a file of float32 tensors."""
    import numpy
    (size,) = struct.unpack_from("<Q", data)
    body = data[8 + size:]
    header = json.loads(data[8:8 + size])
    return {name: numpy.frombuffer(body[slice(*t["data_offsets"])], "float32").reshape(t["shape"])
            for name, t in header.items() if name != "__metadata__"}
