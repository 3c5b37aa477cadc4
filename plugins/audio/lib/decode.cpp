#include "decode.h"

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <mrun/plugin.hpp>
#include <string>

namespace audio {
namespace {

constexpr int max_channels = 64;
constexpr int64_t max_samples = int64_t(1) << 31;

[[noreturn]] void refuse(const std::string &why) { throw mrun::error(MRUN_INPUT, "audio: " + why); }

uint32_t read_u32(std::string_view s, size_t at) {
  auto byte = [&](size_t i) { return uint32_t(static_cast<unsigned char>(s[at + i])); };
  return byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
}

// A WAV's chunks. libsndfile reads what is there and says nothing; here a data chunk that ends behind the file is an
// error, but for the length FFFFFFFF that writers into a pipe leave.
void check_wav(std::string_view s) {
  for (size_t at = 12; s.size() - at >= 8;) {
    const uint32_t size = read_u32(s, at + 4);
    const size_t left = s.size() - at - 8;
    if (s.substr(at, 4) == "data") {
      if (size > left && size != UINT32_MAX)
        refuse("the WAV says that it has " + std::to_string(size) + " bytes of samples, but " + std::to_string(left) +
               " are there");
      return;
    }
    const size_t step = size_t(size) + (size & 1);
    if (step > left) break;
    at += 8 + step;
  }
  refuse("the WAV has no samples");
}

void check_kind(std::string_view s) {
  if (s.substr(0, 4) == "RIFF" && s.size() >= 12 && s.substr(8, 4) == "WAVE") return check_wav(s);
  if (s.substr(0, 4) != "fLaC" && s.substr(0, 4) != "OggS") refuse("neither WAV, FLAC nor OGG");
}

// What libsndfile asks of a file, over memory.
struct Memory {
  std::string_view bytes;
  sf_count_t at = 0;
};

Memory &memory(void *user) { return *static_cast<Memory *>(user); }

SF_VIRTUAL_IO memory_io() {
  SF_VIRTUAL_IO io{};
  io.get_filelen = [](void *user) { return sf_count_t(memory(user).bytes.size()); };
  io.seek = [](sf_count_t offset, int whence, void *user) {
    Memory &m = memory(user);
    const auto size = sf_count_t(m.bytes.size());
    const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? m.at : size;
    if (offset < -base || offset > size - base) return sf_count_t(-1);
    return m.at = base + offset;
  };
  io.read = [](void *to, sf_count_t count, void *user) {
    Memory &m = memory(user);
    count = std::clamp<sf_count_t>(count, 0, sf_count_t(m.bytes.size()) - m.at);
    std::memcpy(to, m.bytes.data() + m.at, size_t(count));
    m.at += count;
    return count;
  };
  io.write = [](const void *, sf_count_t, void *) { return sf_count_t(0); };
  io.tell = [](void *user) { return memory(user).at; };
  return io;
}

struct Close {
  void operator()(SNDFILE *f) const { sf_close(f); }
};

}  // namespace

Samples decode(std::string_view file, const std::function<void(int64_t)> &grow) {
  check_kind(file);
  Memory source{file};
  SF_VIRTUAL_IO io = memory_io();
  SF_INFO info{};
  const std::unique_ptr<SNDFILE, Close> f(sf_open_virtual(&io, SFM_READ, &info, &source));
  if (!f) refuse(sf_strerror(nullptr));
  if (info.channels < 1 || info.channels > max_channels)
    refuse(std::to_string(info.channels) + " channels; wanted 1 to " + std::to_string(max_channels));
  if (info.samplerate < 1) refuse("a rate of " + std::to_string(info.samplerate));

  Samples out;
  out.channels = info.channels;
  out.rate = info.samplerate;
  constexpr sf_count_t step = 1 << 14;  // frames
  std::vector<float> part(size_t(step) * size_t(info.channels));
  for (sf_count_t got; (got = sf_readf_float(f.get(), part.data(), step)) > 0;) {
    const size_t count = size_t(got) * size_t(info.channels);
    if (int64_t(out.interleaved.size() + count) > max_samples) refuse("more than 2^31 samples");
    const auto end = part.begin() + ptrdiff_t(count);
    if (const auto bad = std::find_if(part.begin(), end, [](float x) { return !std::isfinite(x); }); bad != end)
      refuse("frame " + std::to_string(out.frames() + (bad - part.begin()) / info.channels) +
             " is not a finite number");
    grow(int64_t(count * sizeof(float)) * 2);
    out.interleaved.insert(out.interleaved.end(), part.begin(), end);
  }
  if (sf_error(f.get()) != SF_ERR_NO_ERROR) refuse(sf_strerror(f.get()));
  const bool ogg = (info.format & SF_FORMAT_TYPEMASK) == SF_FORMAT_OGG;
  if (!ogg && info.frames < SF_COUNT_MAX && out.frames() < info.frames)
    refuse("the file says that it has " + std::to_string(info.frames) + " frames, but " + std::to_string(out.frames()) +
           " are there");
  return out;
}

}  // namespace audio
