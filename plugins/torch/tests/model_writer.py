"""What make_models.py writes: the models, their calls and the tensors in them."""
import json
import os
import struct

import torch
from torch import Tensor

DTYPES = {torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
          torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}


class Writer:
    def __init__(self, folder):
        self.folder, self.tensors, self.models = folder, [], {}
        os.makedirs(folder, exist_ok=True)

    def encode(self, value):
        if isinstance(value, Tensor):
            self.tensors.append(value.detach().contiguous().clone())
            return {"$": "t%d" % (len(self.tensors) - 1)}
        if hasattr(value, "_asdict"):  # a NamedTuple is a table
            return self.encode(value._asdict())
        if isinstance(value, (list, tuple)):
            return [self.encode(v) for v in value]
        if isinstance(value, dict):
            return {str(k): self.encode(v) for k, v in value.items()}
        return value

    def add(self, name, module, calls, schemas=None, **more):
        """calls: (method, args...); the results of a Tuple are several."""
        module.save(os.path.join(self.folder, name + ".pt"))
        cases = []
        for method, *args in calls:
            encoded = self.encode(args)
            with torch.no_grad():
                result = getattr(module, method)(*args)
            results = list(result) if isinstance(result, tuple) else [] if result is None else [result]
            cases.append({"method": method, "args": encoded, "results": self.encode(results)})
        self.models[name] = dict(more, calls=cases, schemas=schemas or [])

    def finish(self):
        header, data = {}, b""
        for i, t in enumerate(self.tensors):
            raw = t.reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() and t.dtype != torch.bool else \
                t.to(torch.uint8).reshape(-1).numpy().tobytes()
            data += b"\0" * (-len(data) % 8)
            header["t%d" % i] = {"dtype": DTYPES[t.dtype], "shape": list(t.shape),
                                 "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
        # No holes: what pads a tensor is a tensor too.
        at, padded = 0, {}
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            if begin > at:
                padded["pad" + name] = {"dtype": "U8", "shape": [begin - at], "data_offsets": [at, begin]}
            padded[name] = entry
            at = end
        text = json.dumps(padded).encode()
        text += b" " * (-len(text) % 8)
        with open(os.path.join(self.folder, "tensors.safetensors"), "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text + data)
        with open(os.path.join(self.folder, "cases.json"), "w") as f:
            json.dump(self.models, f, indent=1)
