// What op_*.cpp share, and what each of them registers.
#pragma once
#include <mrun/plugin_kit.hpp>

#include "error.h"

namespace audio {

void add_decode(const mrun::registrar &);
void add_resample(const mrun::registrar &);
void add_spectrum(const mrun::registrar &);
void add_fbank(const mrun::registrar &);

// Samples [n] or [channels, n], float32, on the CPU, with any strides.
struct Wave {
  const float *data;
  int64_t channels, samples, channel_stride, stride;
  const float *channel(int64_t c) const { return data + c * channel_stride; }
};
Wave wave_of(const mrun::tensor &, const char *operation);

// A float32 tensor with as many dimensions before `last` as the samples have.
mrun::tensor result(const mrun::call &, const mrun::tensor &like, std::vector<int64_t> last);

// Runs f; the library's errors become the host's.
template <class F>
auto guarded(F &&f) {
  try {
    return f();
  } catch (const Error &e) {
    constexpr int codes[] = {MRUN_INPUT, MRUN_ARGUMENT, MRUN_INTERNAL};
    throw mrun::error(codes[int(e.code)], e.text);
  }
}

}  // namespace audio
