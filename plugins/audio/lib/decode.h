// WAV, FLAC and OGG (Vorbis, Opus) in memory, to samples.
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace audio {

struct Samples {
  std::vector<float> interleaved;  // frames x channels; integers are scaled to [-1, 1)
  int channels = 0;
  int rate = 0;  // frames a second
  int64_t frames() const { return channels ? int64_t(interleaved.size()) / channels : 0; }
};

// grow(bytes) is called before memory is taken and may throw. Memory follows what is really in the file, not what its
// header says; a file that holds less than its header says is an error (mrun::error, MRUN_INPUT), as is one of another
// kind.
Samples decode(std::string_view file, const std::function<void(int64_t bytes)> &grow);

}  // namespace audio
