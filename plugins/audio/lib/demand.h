// What libsndfile and the codecs behind it take from the system to read a file.
#pragma once
#include <cstdint>

#include "container.h"

namespace audio {

// At most, in bytes, by what the file's headers say, before anything is opened. Throws Error (input) where they ask for
// more than any encoder does, or speak of more than is there.
int64_t library_bytes(const Source &);

}  // namespace audio
