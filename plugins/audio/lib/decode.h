// Sound files in memory, of every kind that libsndfile reads, to samples.
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace audio {

inline constexpr int max_channels = 64;

struct Samples {
  std::vector<float> interleaved;  // frames x channels; integers are scaled to [-1, 1)
  int channels = 0;
  int rate = 0;  // frames a second
  int64_t frames() const { return channels ? int64_t(interleaved.size()) / channels : 0; }
};

// Called before memory is taken, with its bytes, and with 0 now and then: may throw. With what is given back, negative:
// must not.
using Grow = std::function<void(int64_t bytes)>;

// Memory follows what is really in the file, not what its header says. A file that holds less than it says, one of
// another kind, and a sample that is not finite are errors (Error, input).
Samples decode(std::string_view file, const Grow &);

}  // namespace audio
