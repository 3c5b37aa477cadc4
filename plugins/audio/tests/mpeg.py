"""Frames of MPEG audio (ISO 11172-3, 13818-3), Layer III."""


def begins(content):
    """Where the frames begin, one behind the other."""
    rates = {3: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320], 2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]}
    rates[0] = rates[2]
    places, at = [], 0
    while at < len(content) and content[at] == 0xff:
        version = content[at + 1] >> 3 & 3
        rate = (44100, 48000, 32000)[content[at + 2] >> 2 & 3] >> {3: 0, 2: 1, 0: 2}[version]
        places.append(at)
        at += (144 if version == 3 else 72) * rates[version][content[at + 2] >> 4] * 1000 // rate + (content[at + 2] >> 1 & 1)
    return places
