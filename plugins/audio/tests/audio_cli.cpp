// The library from the command line, for the tests that compare it with torchaudio. Samples are raw float32, one
// channel.
//   audio_cli decode FILE                       "channels frames rate\n", then the interleaved samples
//   audio_cli starved N FILE                    decode, where the N-th allocation of the C libraries finds no memory
//   audio_cli counted FILE                      decode: "charged taken\n", the most bytes that were, also where it fails
//   audio_cli resample FROM TO QUALITY          samples in, samples out
//   audio_cli sinc FROM TO WIDTH ROLLOFF
//   audio_cli spectrogram N_FFT WIN HOP POWER CENTER REFLECT
//   audio_cli mel RATE N_FFT WIN HOP N_MELS F_MIN F_MAX SLANEY_SCALE SLANEY_NORM
//   audio_cli filters N_FREQS N_MELS RATE F_MIN F_MAX SLANEY_SCALE SLANEY_NORM
//   audio_cli log_mel N_MELS
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <string>

#include "decode.h"
#include "error.h"
#include "resample.h"
#include "sinc.h"
#include "spectrum.h"

namespace {
std::atomic<int> allocations_left{-1};  // negative: no end
std::atomic<int64_t> taken, most_taken;

[[maybe_unused]] bool fails() {
  if (allocations_left.load() < 0 || allocations_left.fetch_sub(1) != 0) return false;
  errno = ENOMEM;
  return true;
}
}  // namespace

// A sanitizer has an allocator of its own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__GLIBC__)
#include <malloc.h>
namespace {
void *counted(void *p) {
  if (p == nullptr) return p;
  const auto now = taken += int64_t(malloc_usable_size(p));
  if (now > most_taken) most_taken = now;  // one thread
  return p;
}
void given_back(void *p) {
  if (p != nullptr) taken -= int64_t(malloc_usable_size(p));
}
}  // namespace
extern "C" {
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void __libc_free(void *);
__attribute__((visibility("default"))) void *malloc(size_t n) { return fails() ? nullptr : counted(__libc_malloc(n)); }
__attribute__((visibility("default"))) void *calloc(size_t n, size_t size) {
  return fails() ? nullptr : counted(__libc_calloc(n, size));
}
__attribute__((visibility("default"))) void *realloc(void *p, size_t n) {
  if (fails()) return nullptr;
  given_back(p);
  return counted(__libc_realloc(p, n));
}
__attribute__((visibility("default"))) void free(void *p) {
  given_back(p);
  __libc_free(p);
}
}
#endif

namespace {

std::vector<std::string> args;
int64_t whole(size_t i) { return std::stoll(args.at(i)); }
double real(size_t i) { return std::stod(args.at(i)); }
bool flag(size_t i) { return whole(i) != 0; }

std::vector<float> read_samples() {
  const std::string all(std::istreambuf_iterator<char>(std::cin), {});
  std::vector<float> out(all.size() / sizeof(float));
  if (!out.empty()) std::memcpy(out.data(), all.data(), out.size() * sizeof(float));
  return out;
}

template <class T>
void write(const std::vector<T> &values) {
  const std::vector<float> out(values.begin(), values.end());
  std::cout.write(reinterpret_cast<const char *>(out.data()), std::streamsize(out.size() * sizeof(float)));
}

void decode_file(const std::string &path, int allocations) {
  std::ifstream in(path, std::ios::binary);
  const std::string file(std::istreambuf_iterator<char>(in), {});
  allocations_left = allocations;
  const audio::Samples s = audio::decode(file, [](int64_t) {});
  std::cout << s.channels << ' ' << s.frames() << ' ' << s.rate << '\n';
  write(s.interleaved);
}

void counted_file() {
  std::ifstream in(args.at(1), std::ios::binary);
  const std::string file(std::istreambuf_iterator<char>(in), {});
  int64_t charged = 0, most_charged = 0;
  const int64_t before = taken;
  most_taken = before;
  const auto print = [&] { std::cout << most_charged << ' ' << most_taken - before << '\n'; };
  try {
    audio::decode(file, [&](int64_t bytes) { most_charged = std::max(most_charged, charged += bytes); });
  } catch (...) {
    print();
    throw;
  }
  print();
}

void decode() { decode_file(args.at(1), -1); }
void starved() { decode_file(args.at(2), int(whole(1))); }

void resample() {
  const std::vector<float> in = read_samples();
  const auto frames = int64_t(in.size());
  std::vector<float> out(size_t(audio::resampled_length(frames, whole(1), whole(2))));
  audio::resample(in.data(), frames, 1, whole(1), whole(2), audio::quality_of(args.at(3)), out.data());
  write(out);
}

void sinc() {
  const std::vector<float> in = read_samples();
  const audio::SincOptions o{whole(3), real(4)};
  audio::check(o);
  std::vector<float> out(size_t(audio::resampled_length(int64_t(in.size()), whole(1), whole(2))));
  auto poll = [] {};
  audio::sinc_resample(in.data(), int64_t(in.size()), 1, whole(1), whole(2), o, poll, out.data());
  write(out);
}

std::vector<double> spectrum(const std::vector<float> &in, const audio::SpectrumOptions &o) {
  audio::check(o, int64_t(in.size()));
  std::vector<double> out(size_t(audio::frequencies(o) * audio::frame_count(int64_t(in.size()), o)));
  auto poll = [] {};
  audio::spectrogram(in.data(), int64_t(in.size()), 1, o, poll, out.data());
  return out;
}

std::vector<double> mel(const audio::SpectrumOptions &o, int64_t rate, const audio::MelOptions &m) {
  const std::vector<float> in = read_samples();
  const int64_t frames = audio::frame_count(int64_t(in.size()), o);
  std::vector<double> out(size_t(m.n_mels * frames));
  audio::apply_filters(audio::mel_filters(audio::frequencies(o), rate, m), m.n_mels, spectrum(in, o).data(),
                       audio::frequencies(o), frames, out.data());
  return out;
}

void log_mel() {
  audio::SpectrumOptions o;
  o.hop_length = 160;
  const int64_t n_mels = whole(1);
  const std::vector<double> all = mel(o, 16000, {n_mels, 0, 8000, true, true});
  const int64_t frames = int64_t(all.size()) / n_mels;
  std::vector<double> kept;
  for (int64_t m = 0; m < n_mels; ++m)
    kept.insert(kept.end(), all.begin() + m * frames, all.begin() + (m + 1) * frames - 1);
  std::vector<float> out(kept.size());
  audio::whisper_scale(kept.data(), int64_t(kept.size()), out.data());
  write(out);
}

void spectrogram() { write(spectrum(read_samples(), {whole(1), whole(2), whole(3), real(4), flag(5), flag(6)})); }

void mel_spectrogram() {
  const audio::MelOptions m{whole(5), real(6), real(7), flag(8), flag(9)};
  write(mel({whole(2), whole(3), whole(4), 2, true, true}, whole(1), m));
}

void filters() { write(audio::mel_filters(whole(1), whole(3), {whole(2), real(4), real(5), flag(6), flag(7)})); }

}  // namespace

int main(int count, char **values) try {
  args.assign(values + 1, values + count);
  const std::map<std::string, std::function<void()>> commands = {
      {"decode", decode},           {"starved", starved},     {"resample", resample},
      {"spectrogram", spectrogram}, {"mel", mel_spectrogram}, {"filters", filters},
      {"log_mel", log_mel},         {"sinc", sinc},           {"counted", counted_file},
  };
  commands.at(args.at(0))();
  return 0;
} catch (const audio::Error &e) {
  std::cerr << "audio: " << e.what() << '\n';
  return 1;
} catch (const std::exception &e) {
  std::cerr << e.what() << '\n';
  return 1;
}
