// Sound files to samples.
#include "decode.h"
#include "operations.h"

namespace audio {
namespace {

std::tuple<mrun::tensor, int64_t> decode_bytes(const mrun::call &c, const mrun::tensor &file) {
  return guarded([&] {
    const mrun::bytes given(c, file, "audio.decode");
    const Samples s = decode(given.view(), [&](int64_t more) {
      if (more >= 0) c.poll();
      if (more != 0) c.charge(more);
    });
    auto out = mrun::tensor::empty(c, mrun::float32, {s.channels, s.frames()});
    auto *to = out.data<float>();
    for (int64_t channel = 0; channel < s.channels; ++channel)
      for (int64_t i = 0; i < s.frames(); ++i) *to++ = s.interleaved[size_t(i * s.channels + channel)];
    return std::tuple{std::move(out), int64_t{s.rate}};
  });
}

}  // namespace

void add_decode(const mrun::registrar &r) {
  r.op<decode_bytes>("audio.decode@1(Tensor bytes) -> (Tensor, int)",
                     "The samples, float32 [channels, n], and the rate of a sound file: WAV, FLAC, OGG, MP3, AIFF and "
                     "whatever else libsndfile reads.");
}

}  // namespace audio
