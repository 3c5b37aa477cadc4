#include "sinc.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>
#include <vector>

#include "error.h"
#include "resample.h"

namespace audio {
namespace {

// Rates without their common factor. Every `to` results the filter lies on the samples as before, `from` further on.
struct Rates {
  int64_t from, to;
  double cutoff;  // of the filter, in units of the reduced rates
  int64_t reach;  // samples on each side that a result depends on
};

Rates reduced(int64_t from, int64_t to, const SincOptions &o) {
  const int64_t common = std::gcd(from, to);
  Rates r{from / common, to / common, 0, 0};
  r.cutoff = double(std::min(r.from, r.to)) * o.rolloff;
  r.reach = int64_t(std::ceil(double(o.lowpass_filter_width * r.from) / r.cutoff));
  return r;
}

// Calls poll() once in so many steps.
class Asking {
 public:
  explicit Asking(const std::function<void()> &poll) : poll_(poll) {}
  void step(int64_t work) {
    constexpr int64_t often = 1 << 18;
    if ((done_ += work) <= often) return;
    poll_();
    done_ = 0;
  }

 private:
  const std::function<void()> &poll_;
  int64_t done_ = 0;
};

// The samples begin … end - 1.
struct Range {
  int64_t begin, end;
};

// For result `phase` and those `step`s of r.to behind it: where its weights lie, begin as for the first of them, and which of
// them meet a sample in any of these. The filter may be as long as the rates differ, and the sound short.
Range met(const Rates &r, int64_t phase, int64_t steps, int64_t frames) {
  const int64_t first = phase * r.from / r.to - r.reach, last = first + steps * r.from;
  const int64_t behind = first + 2 * r.reach + 2;
  const int64_t begin = std::clamp(first - last, first, behind);
  return {begin, std::clamp(frames, begin, behind)};
}

// The weights of the samples in `range` for result `phase`, as torchaudio rounds its kernels: to float32.
void weights(const Rates &r, const SincOptions &o, int64_t phase, const Range &range, Asking &asking,
             std::vector<float> &w) {
  const auto width = double(o.lowpass_filter_width);
  w.resize(size_t(range.end - range.begin));
  for (int64_t i = range.begin; i < range.end; ++i) {
    const double at = (double(i) / double(r.from) - double(phase) / double(r.to)) * r.cutoff;
    const double t = std::clamp(at, -width, width), turn = t * std::numbers::pi;
    const double hann = std::pow(std::cos(turn / width / 2), 2);
    w[size_t(i - range.begin)] = float((t == 0 ? 1 : std::sin(turn) / turn) * hann * r.cutoff / double(r.from));
    asking.step(1);
  }
}

}  // namespace

void check(const SincOptions &o) {
  if (o.lowpass_filter_width < 1 || o.lowpass_filter_width > 1024)
    bad_argument("lowpass_filter_width is " + std::to_string(o.lowpass_filter_width) + "; wanted 1 to 1024");
  if (!(o.rolloff > 0.01 && o.rolloff <= 1))
    bad_argument("rolloff is " + shown(o.rolloff) + "; wanted more than 0.01, at most 1");
}

void sinc_resample(const float *in, int64_t frames, int64_t stride, int64_t from, int64_t to, const SincOptions &o,
                   const std::function<void()> &poll, float *out) {
  if (from == to) {
    for (int64_t i = 0; i < frames; ++i) out[i] = in[i * stride];
    return;
  }
  const Rates r = reduced(from, to, o);
  const int64_t length = resampled_length(frames, from, to);
  std::vector<float> w;
  Asking asking(poll);
  for (int64_t phase = 0; phase < std::min(r.to, length); ++phase) {
    const Range range = met(r, phase, (length - 1 - phase) / r.to, frames);
    weights(r, o, phase, range, asking, w);
    int64_t begin = range.begin;
    for (int64_t i = phase; i < length; i += r.to, begin += r.from) {
      const int64_t low = std::max<int64_t>(begin, 0), high = std::min(begin + int64_t(w.size()), frames);
      double sum = 0;
      for (int64_t k = low; k < high; ++k) sum += double(w[size_t(k - begin)]) * double(in[k * stride]);
      out[i] = float(sum);
      asking.step(int64_t(w.size()));
    }
  }
}

}  // namespace audio
