#include "spectrum.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "error.h"
#include "fft.h"

namespace audio {
namespace {

// Of Slaney's scale, linear below the knee and logarithmic above.
constexpr double hz_step = 200.0 / 3, knee_hz = 1000, knee_mel = knee_hz / hz_step;
const double log_step = std::log(6.4) / 27;

double to_mel(double hz, bool slaney) {
  if (!slaney) return 2595 * std::log10(1 + hz / 700);
  return hz < knee_hz ? hz / hz_step : knee_mel + std::log(hz / knee_hz) / log_step;
}

// e^x as torch's vectorized float32 gives it: the polynomial of SLEEF's expf (sleef.org, one unit in the last place),
// whose last bit moves the narrow filters by more than 1e-5.
float exp_like_torch(float x) {
  const float n = std::rint(x * 1.44269504088896340736F);
  float r = std::fma(n, -0.693145751953125F, x);
  r = std::fma(n, -1.428606765330187045e-06F, r);
  float p = 0.000198527617612853646278381F;
  for (float c : {0.00139304355252534151077271F, 0.00833336077630519866943359F, 0.0416664853692054748535156F,
                  0.166666671633720397949219F, 0.5F})
    p = std::fma(p, r, c);
  return std::ldexp(1.0F + std::fma(r * r, p, r), int(n));
}

// A number as the sum of two floats.
struct Double {
  float high, low;
};
Double plus(Double a, float b) {
  const float sum = a.high + b, part = sum - a.high;
  return {sum, (a.high - (sum - part)) + (b - part) + a.low};
}
Double plus(float larger, Double b) {
  const float sum = larger + b.high;
  return {sum, larger - sum + b.high + b.low};
}
Double product(Double a, Double b) {
  const float p = a.high * b.high;
  return {p, std::fma(a.high, b.low, std::fma(a.low, b.high, std::fma(a.high, b.high, -p)))};
}
Double square(Double a) {
  const float p = a.high * a.high;
  return {p, std::fma(a.high + a.high, a.low, std::fma(a.high, a.high, -p))};
}

// cos(x) as torch's vectorized float32 gives it, for |x| below 125: SLEEF's cosf, one unit in the last place. A window of
// rounder values would show in what is 80 dB below a pure tone.
float cos_like_torch(float x) {
  const float n = std::fma(std::rint(std::fma(x, 0.318309886183790671538F, -0.5F)), 2.0F, 1.0F);  // of pi / 2, odd
  Double r = plus(Double{x, 0}, n * -1.5703125F);
  r = plus(plus(r, n * -0.00048351287841796875F), n * -3.13855707645416259765e-07F);
  const Double r2 = square(r);
  float p = 2.6083159809786593541503e-06F;
  for (float c : {-0.0001981069071916863322258F, 0.00833307858556509017944336F}) p = std::fma(p, r2.high, c);
  const Double ratio = plus(1.0F, product(plus(-0.166666597127914428710938F, Double{p * r2.high, 0}), r2));
  const float sine = std::fma(r.high, ratio.high, std::fma(r.low, ratio.high, r.high * ratio.low));
  return (int(n) & 2) == 0 ? -sine : sine;
}

float to_hz(float mel, bool slaney) {
  if (!slaney) return 700.0F * (std::pow(10.0F, mel / 2595.0F) - 1.0F);
  return mel < float(knee_mel) ? float(hz_step) * mel
                               : float(knee_hz) * exp_like_torch(float(log_step) * (mel - float(knee_mel)));
}

// torch.linspace's float32 values as eight lanes compute them: each group of eight starts anew, from the nearer end.
float linspace(float from, float to, int64_t count, int64_t i) {
  const float step = (to - from) / float(count - 1);
  const int64_t lane = i < count / 8 * 8 ? i % 8 : 0, first = i - lane;
  const float base =
      first < count / 2 ? std::fma(step, float(first), from) : std::fma(-step, float(count - 1 - first), to);
  return base + step * float(lane);
}

// Its values are float32's, as torch.hann_window's are.
std::vector<double> window(const SpectrumOptions &o) {
  std::vector<double> w(size_t(o.n_fft), 0.0);
  const int64_t left = (o.n_fft - o.win_length) / 2;
  if (o.win_length == 1) w[size_t(left)] = 1;
  if (o.win_length == 1) return w;
  const auto turn = float(2 * std::numbers::pi / double(o.win_length));
  for (int64_t i = 0; i < o.win_length; ++i) w[size_t(left + i)] = cos_like_torch(float(i) * turn) * -0.5F + 0.5F;
  return w;
}

// The sample at `i`, which may lie beyond either end.
double sample(const float *in, int64_t samples, int64_t stride, int64_t i, bool reflect) {
  if (i < 0 || i >= samples) {
    if (!reflect) return 0;
    i = i < 0 ? -i : 2 * (samples - 1) - i;
  }
  return in[i * stride];
}

int64_t largest_factor(int64_t n) {
  int64_t largest = 1;
  for (int64_t p = 2; p * p <= n; ++p)
    for (; n % p == 0; n /= p) largest = p;
  return std::max(largest, n);
}

}  // namespace

int64_t frequencies(const SpectrumOptions &o) { return o.n_fft / 2 + 1; }

int64_t frame_count(int64_t samples, const SpectrumOptions &o) {
  const int64_t padded = samples + (o.center ? o.n_fft / 2 * 2 : 0);
  return padded < o.n_fft ? 0 : 1 + (padded - o.n_fft) / o.hop_length;
}

void check_fft_size(const char *name, int64_t n) {
  constexpr int64_t most = 1 << 20;
  const std::string is = std::string(name) + " is " + std::to_string(n);
  if (n < 2 || n > most || n % 2) bad_argument(is + "; wanted an even number from 2 to 1048576");
  if (largest_factor(n) > 1000) bad_argument(is + "; wanted a number whose prime factors are below 1000");
}

void check(const SpectrumOptions &o, int64_t samples) {
  check_fft_size("n_fft", o.n_fft);
  if (o.win_length < 1 || o.win_length > o.n_fft)
    bad_argument("win_length is " + std::to_string(o.win_length) + "; wanted 1 to n_fft, " + std::to_string(o.n_fft));
  if (o.hop_length < 1) bad_argument("hop_length is " + std::to_string(o.hop_length) + "; wanted at least 1");
  if (!std::isfinite(o.power) || o.power <= 0) bad_argument("power is " + shown(o.power) + "; wanted a number above 0");
  const int64_t fewest = !o.center ? o.n_fft : o.reflect ? o.n_fft / 2 + 1 : 0;
  if (samples < fewest)
    bad_argument("too few samples: " + std::to_string(samples) + "; these options want " + std::to_string(fewest));
}

void spectrogram(const float *in, int64_t samples, int64_t stride, const SpectrumOptions &o,
                 const std::function<void()> &poll, double *out) {
  const int64_t frames = frame_count(samples, o), half = o.n_fft / 2;
  const std::vector<double> w = window(o);
  PowerSpectrum spectrum(o.n_fft);
  std::vector<double> frame(static_cast<size_t>(o.n_fft));
  for (int64_t t = 0; t < frames; ++t) {
    poll();
    const int64_t begin = t * o.hop_length - (o.center ? half : 0);
    for (int64_t i = 0; i < o.n_fft; ++i)
      frame[size_t(i)] = w[size_t(i)] * sample(in, samples, stride, begin + i, o.reflect);
    spectrum(frame, [&](int64_t f, double energy) {
      out[f * frames + t] = o.power == 2 ? energy : std::pow(energy, o.power / 2);
    });
  }
}

std::vector<double> mel_filters(int64_t frequencies, int64_t rate, const MelOptions &o) {
  if (rate < 1) bad_argument("rate is " + std::to_string(rate) + "; wanted at least 1");
  if (o.n_mels < 1 || o.n_mels > most_mels)
    bad_argument("n_mels is " + std::to_string(o.n_mels) + "; wanted 1 to 4096");
  if (frequencies < 2 || frequencies > most_frequencies)
    bad_argument("n_freqs is " + std::to_string(frequencies) + "; wanted 2 to 1048576");
  if (!(o.f_min >= 0) || !(o.f_min < o.f_max) || !std::isfinite(o.f_max))
    bad_argument("f_min and f_max are " + shown(o.f_min) + " and " + shown(o.f_max) + "; wanted 0 <= f_min < f_max");
  std::vector<float> edges;
  const auto low = float(to_mel(o.f_min, o.slaney_scale)), high = float(to_mel(o.f_max, o.slaney_scale));
  for (int64_t i = 0; i < o.n_mels + 2; ++i)
    edges.push_back(to_hz(linspace(low, high, o.n_mels + 2, i), o.slaney_scale));
  std::vector<double> out(size_t(frequencies * o.n_mels));
  for (int64_t m = 0; m < o.n_mels; ++m) {
    const float left = edges[size_t(m)], middle = edges[size_t(m) + 1], right = edges[size_t(m) + 2];
    const float scale = o.slaney_norm ? 2 / (right - left) : 1;
    for (int64_t f = 0; f < frequencies; ++f) {
      const float hz = linspace(0, float(rate / 2), frequencies, f);
      const float weight = std::min((hz - left) / (middle - left), (right - hz) / (right - middle));
      out[size_t(f * o.n_mels + m)] = std::max(0.0F, weight) * scale;
    }
  }
  return out;
}

void apply_filters(const std::vector<double> &filters, int64_t n_mels, const double *spectrum, int64_t frequencies,
                   int64_t frames, double *out) {
  std::fill(out, out + n_mels * frames, 0.0);
  for (int64_t f = 0; f < frequencies; ++f) {
    for (int64_t m = 0; m < n_mels; ++m) {
      const double weight = filters[size_t(f * n_mels + m)];
      if (weight == 0) continue;  // a filter covers few of the frequencies
      for (int64_t t = 0; t < frames; ++t) out[m * frames + t] += weight * spectrum[f * frames + t];
    }
  }
}

void whisper_scale(const double *mel, int64_t count, float *out) {
  double highest = -10;
  for (int64_t i = 0; i < count; ++i) highest = std::max(highest, std::log10(std::max(mel[i], 1e-10)));
  for (int64_t i = 0; i < count; ++i)
    out[i] = float((std::max(std::log10(std::max(mel[i], 1e-10)), highest - 8) + 4) / 4);
}

}  // namespace audio
