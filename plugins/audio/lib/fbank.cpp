#include "fbank.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "error.h"
#include "fft.h"

namespace audio {
namespace {

constexpr double least = std::numeric_limits<float>::epsilon();  // what a logarithm is taken of

int64_t in_samples(const FbankOptions &o, double milliseconds) {
  return int64_t(double(o.rate) * milliseconds * 0.001);
}
int64_t length_of(const FbankOptions &o) { return in_samples(o, o.frame_length); }
int64_t shift_of(const FbankOptions &o) { return in_samples(o, o.frame_shift); }
int64_t padded_of(const FbankOptions &o) {
  return o.power_of_two ? int64_t(std::bit_ceil(uint64_t(length_of(o)))) : length_of(o);
}
double top_of(const FbankOptions &o) { return o.high > 0 ? o.high : o.high + 0.5 * double(o.rate); }

std::vector<double> window_of(const FbankOptions &o) {
  const int64_t n = length_of(o);
  std::vector<double> w(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    const double x = 2 * std::numbers::pi * double(i) / double(n - 1), hann = 0.5 - 0.5 * std::cos(x);
    switch (o.window) {
      case FrameWindow::povey: w[size_t(i)] = std::pow(hann, 0.85); break;
      case FrameWindow::hanning: w[size_t(i)] = hann; break;
      case FrameWindow::hamming: w[size_t(i)] = 0.54 - 0.46 * std::cos(x); break;
      case FrameWindow::rectangular: w[size_t(i)] = 1; break;
      case FrameWindow::blackman: w[size_t(i)] = 0.42 - 0.5 * std::cos(x) + 0.08 * std::cos(2 * x); break;
    }
  }
  return w;
}

float mel_of(float hz) { return 1127.0F * std::log(1.0F + hz / 700.0F); }
double mel_of(double hz) { return 1127.0 * std::log(1.0 + hz / 700.0); }

// A triangular filter: its weights from one frequency on.
struct Filter {
  int64_t first = 0;
  std::vector<double> weights;
};

// torchaudio computes them in float32.
std::vector<Filter> filters_of(const FbankOptions &o) {
  const int64_t n = padded_of(o) / 2;
  const double low = mel_of(o.low), delta = (mel_of(top_of(o)) - low) / double(o.bins + 1);
  const auto edge = [&](int64_t i) { return float(low) + float(i) * float(delta); };
  const auto width = float(double(o.rate) / double(padded_of(o)));
  std::vector<Filter> filters(static_cast<size_t>(o.bins));
  for (int64_t b = 0; b < o.bins; ++b) {
    Filter &filter = filters[size_t(b)];
    const float left = edge(b), middle = edge(b + 1), right = edge(b + 2);
    for (int64_t f = 0; f < n; ++f) {
      const float mel = mel_of(width * float(f));
      const float weight = std::min((mel - left) / (middle - left), (right - mel) / (right - middle));
      if (weight <= 0) continue;
      if (filter.weights.empty()) filter.first = f;
      filter.weights.resize(size_t(f - filter.first), 0);
      filter.weights.push_back(weight);
    }
  }
  return filters;
}

double log_energy(const std::vector<double> &frame, int64_t length, double floor) {
  double sum = 0;
  for (int64_t i = 0; i < length; ++i) sum += frame[size_t(i)] * frame[size_t(i)];
  const double e = std::log(std::max(sum, least));
  return floor == 0 ? e : std::max(e, std::log(floor));
}

// What one item's frames share.
class Frames {
 public:
  Frames(const FbankOptions &o, const float *in, int64_t samples, int64_t stride)
      : o_(o),
        in_(in),
        samples_(samples),
        stride_(stride),
        length_(length_of(o)),
        window_(window_of(o)),
        filters_(filters_of(o)),
        spectrum_(padded_of(o)),
        frame_(size_t(padded_of(o))),
        energies_(size_t(padded_of(o) / 2 + 1)) {}

  void operator()(int64_t t, float *out) {
    load(t);
    const double raw = log_energy(frame_, length_, o_.energy_floor);
    emphasize();
    const double energy = o_.raw_energy ? raw : log_energy(frame_, length_, o_.energy_floor);
    spectrum_(frame_, [&](int64_t f, double e) { energies_[size_t(f)] = o_.use_power ? e : std::sqrt(e); });
    if (o_.use_energy && !o_.htk_compat) *out++ = float(energy);
    for (const Filter &f : filters_) {
      double sum = 0;
      for (size_t i = 0; i < f.weights.size(); ++i) sum += f.weights[i] * energies_[size_t(f.first) + i];
      *out++ = float(o_.use_log ? std::log(std::max(sum, least)) : sum);
    }
    if (o_.use_energy && o_.htk_compat) *out = float(energy);
  }

 private:
  // The samples of frame t, mirrored at the ends (the last one twice), without their mean.
  void load(int64_t t) {
    const int64_t begin = t * shift_of(o_) - (o_.snip_edges ? 0 : length_ / 2 - shift_of(o_) / 2);
    std::fill(frame_.begin(), frame_.end(), 0.0);
    double sum = 0;
    for (int64_t k = 0; k < length_; ++k) {
      int64_t i = begin + k;
      if (i < 0) i = -i - 1;
      if (i >= samples_) i = std::max<int64_t>(0, 2 * samples_ - 1 - i);
      sum += frame_[size_t(k)] = double(in_[i * stride_]);
    }
    if (!o_.remove_dc) return;
    for (int64_t k = 0; k < length_; ++k) frame_[size_t(k)] -= sum / double(length_);
  }

  void emphasize() {
    for (int64_t k = length_; k-- > 0;)
      frame_[size_t(k)] -= o_.preemphasis * frame_[size_t(std::max<int64_t>(k - 1, 0))];
    for (int64_t k = 0; k < length_; ++k) frame_[size_t(k)] *= window_[size_t(k)];
  }

  const FbankOptions &o_;
  const float *in_;
  int64_t samples_, stride_, length_;
  std::vector<double> window_;
  std::vector<Filter> filters_;
  PowerSpectrum spectrum_;
  std::vector<double> frame_, energies_;
};

void subtract_means(float *out, int64_t frames, int64_t values) {
  for (int64_t v = 0; v < values; ++v) {
    double sum = 0;
    for (int64_t t = 0; t < frames; ++t) sum += double(out[t * values + v]);
    for (int64_t t = 0; t < frames; ++t)
      out[t * values + v] = float(double(out[t * values + v]) - sum / double(frames));
  }
}

}  // namespace

FrameWindow frame_window_by_name(std::string_view name) {
  static constexpr std::string_view names[] = {"povey", "hanning", "hamming", "rectangular", "blackman"};
  for (size_t i = 0; i < std::size(names); ++i)
    if (names[i] == name) return FrameWindow(i);
  bad_argument("window_type is \"" + shown(name) + "\"; wanted povey, hanning, hamming, rectangular or blackman");
}

void check(const FbankOptions &o, int64_t samples) {
  constexpr int64_t most = 1 << 20;
  if (o.rate < 1 || o.rate > 10'000'000) bad_argument("rate is " + std::to_string(o.rate) + "; wanted 1 to 10000000");
  if (o.bins < 4 || o.bins > 4096) bad_argument("num_mel_bins is " + std::to_string(o.bins) + "; wanted 4 to 4096");
  const bool times = o.frame_length > 0 && o.frame_shift > 0 && o.frame_length < 1e6 && o.frame_shift < 1e6;
  if (!times || length_of(o) < 2 || length_of(o) > most || shift_of(o) < 1)
    bad_argument("frame_length and frame_shift are " + shown(o.frame_length) + " and " + shown(o.frame_shift) +
                 " ms; wanted frames of 2 to 1048576 samples, at least 1 apart");
  check_fft_size("the frame's length", padded_of(o));
  if (!(o.preemphasis >= 0 && o.preemphasis <= 1))
    bad_argument("preemphasis_coefficient is " + shown(o.preemphasis) + "; wanted 0 to 1");
  if (!(o.energy_floor >= 0) || std::isinf(o.energy_floor))
    bad_argument("energy_floor is " + shown(o.energy_floor) + "; wanted 0 or more, finite");
  const double half = 0.5 * double(o.rate), top = top_of(o);
  if (!(o.low >= 0 && o.low < half && top > 0 && top <= half && o.low < top))
    bad_argument("low_freq and high_freq are " + shown(o.low) + " and " + shown(top) +
                 "; wanted 0 <= low_freq < high_freq <= half the rate, " + shown(half));
  if (samples < length_of(o))
    bad_argument("too few samples: " + std::to_string(samples) + "; one frame has " + std::to_string(length_of(o)));
}

int64_t fbank_frames(const FbankOptions &o, int64_t samples) {
  const int64_t shift = shift_of(o);
  return o.snip_edges ? 1 + (samples - length_of(o)) / shift : (samples + shift / 2) / shift;
}

int64_t fbank_values(const FbankOptions &o) { return o.bins + (o.use_energy ? 1 : 0); }

void fbank(const float *in, int64_t samples, int64_t stride, const FbankOptions &o, const std::function<void()> &poll,
           float *out) {
  Frames frames(o, in, samples, stride);
  const int64_t count = fbank_frames(o, samples), values = fbank_values(o);
  for (int64_t t = 0; t < count; ++t) {
    poll();
    frames(t, out + t * values);
  }
  if (o.subtract_mean) subtract_means(out, count, values);
}

}  // namespace audio
