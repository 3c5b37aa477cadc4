"""How near torchaudio's float32 spectra are to the plugin's.

The plugin's windows and filters have the bits of torch's float32 cosine and exponential as SLEEF 3.5 computes them. SLEEF 3.6
(Debian 13's) rounds a quarter of the values the other way, and the quiet values of a spectrum show it.
"""
import zlib

import torch

SAME_WINDOWS = zlib.crc32(torch.hann_window(400).numpy().tobytes()) == 0x2f22bef2
TOLERANCE = 1e-5 if SAME_WINDOWS else 1e-4
