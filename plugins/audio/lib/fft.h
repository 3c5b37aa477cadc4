// The power spectrum of real samples, through kissfft in double precision.
#pragma once
#include <kissfft.hh>

#include <cstdint>
#include <vector>

namespace audio {

class PowerSpectrum {
 public:
  // n: even, its prime factors below 1000 (check_fft_size).
  explicit PowerSpectrum(int64_t n) : half_(n / 2), fft_(size_t(half_), false), packed_(size_t(half_)) {}

  // frame: n samples. Calls out(frequency, |X|^2) for frequencies 0 to n / 2.
  template <class F>
  void operator()(const std::vector<double> &frame, F out) {
    fft_.transform_real(frame.data(), packed_.data());
    // The first of the packed values holds the two that are real: at 0, and at half the rate.
    out(int64_t{0}, packed_[0].real() * packed_[0].real());
    for (int64_t f = 1; f < half_; ++f) out(f, std::norm(packed_[size_t(f)]));
    out(half_, packed_[0].imag() * packed_[0].imag());
  }

 private:
  int64_t half_;
  kissfft<double> fft_;
  std::vector<std::complex<double>> packed_;
};

// Throws Error (argument) for what PowerSpectrum does not take; `name` begins the message: "n_fft".
void check_fft_size(const char *name, int64_t n);

}  // namespace audio
