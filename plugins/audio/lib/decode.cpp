#include "decode.h"

#include <sndfile.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <exception>
#include <memory>
#include <mrun/message.hpp>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <string>

#include "container.h"
#include "demand.h"
#include "error.h"

namespace audio {
namespace {

constexpr int64_t max_samples = int64_t(1) << 31;

// What libsndfile asks of a file, over memory. C code calls it: what poll throws is kept, and the file ends there.
struct Memory {
  Source source;
  const Grow &grow;
  sf_count_t at = 0;
  unsigned reads = 0;
  std::exception_ptr stopped;

  sf_count_t size() const { return sf_count_t(source.lead.size() + source.bytes.size() + source.zeros); }
  bool stop() {
    constexpr unsigned every = 1024;
    if (stopped || ++reads % every != 0) return stopped != nullptr;
    try {
      grow(0);
    } catch (...) { stopped = std::current_exception(); }
    return stopped != nullptr;
  }
  sf_count_t read(void *to, sf_count_t count) {
    count = stop() ? 0 : std::clamp<sf_count_t>(count, 0, size() - at);
    std::memset(to, 0, size_t(count));
    copy(source.lead, 0, to, count);
    copy(source.bytes, sf_count_t(source.lead.size()), to, count);
    for (size_t i = 0; i < source.patch.size(); ++i) {
      const auto where = sf_count_t(source.patch_at + i);
      if (source.patch_at != SIZE_MAX && where >= at && where < at + count)
        static_cast<char *>(to)[where - at] = source.patch[i];
    }
    at += count;
    return count;
  }

 private:
  // What lies at `begin` of the file, as far as it is asked for.
  void copy(std::string_view part, sf_count_t begin, void *to, sf_count_t count) const {
    const sf_count_t from = std::max(at, begin), end = std::min(at + count, begin + sf_count_t(part.size()));
    if (from < end)
      std::memcpy(static_cast<char *>(to) + (from - at), part.data() + (from - begin), size_t(end - from));
  }
};

Memory &memory(void *user) { return *static_cast<Memory *>(user); }

SF_VIRTUAL_IO memory_io() {
  SF_VIRTUAL_IO io{};
  io.get_filelen = [](void *user) { return memory(user).size(); };
  io.seek = [](sf_count_t offset, int whence, void *user) {
    Memory &m = memory(user);
    const sf_count_t size = m.size();
    const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? m.at : size;
    if (offset < -base || offset > size - base) return sf_count_t(-1);
    return m.at = base + offset;
  };
  io.read = [](void *to, sf_count_t count, void *user) { return memory(user).read(to, count); };
  io.write = [](const void *, sf_count_t, void *) { return sf_count_t(0); };
  io.tell = [](void *user) { return memory(user).at; };
  return io;
}

// Memory that is taken for a while.
class Charge {
 public:
  Charge(const Grow &grow, int64_t bytes) : grow_(grow), bytes_(bytes) { grow_(bytes_); }
  ~Charge() { grow_(-bytes_); }
  Charge(const Charge &) = delete;
  Charge &operator=(const Charge &) = delete;

 private:
  const Grow &grow_;
  int64_t bytes_;
};

struct Close {
  void operator()(SNDFILE *f) const { sf_close(f); }
};
using File = std::unique_ptr<SNDFILE, Close>;

// libsndfile and its codecs tell of memory that they do not get in many ways, most of which mean a damaged file, too: a
// FLAC has fewer frames then. The C library has set errno.
[[noreturn]] void failed(const std::string &text) {
  if (errno == ENOMEM) throw std::bad_alloc();
  bad_input(text);
}

// Why a file is not opened libsndfile keeps in one place for all threads: another's file that is opened meanwhile takes it
// away. So the reason is that of a second try, alone.
std::shared_mutex opening;

File opened(SF_INFO &info, Memory &bytes) {
  SF_VIRTUAL_IO io = memory_io();
  return File(sf_open_virtual(&io, SFM_READ, &info, &bytes));
}

std::string why_not_opened(const Source &source, const Grow &grow) {
  Memory bytes{source, grow, 0, 0, {}};
  SF_INFO info{};
  const std::unique_lock alone(opening);
  errno = 0;
  const File f = opened(info, bytes);
  if (bytes.stopped) std::rethrow_exception(bytes.stopped);
  return sf_strerror(nullptr);
}

[[noreturn]] void not_opened(const Source &source, const Grow &grow) {
  const std::string kind = foreign_kind(source.bytes);
  if (!kind.empty())
    bad_input("this is " + kind + "; wanted sound that libsndfile reads: WAV, FLAC, OGG, MP3, AIFF, …");
  if (errno == ENOMEM) throw std::bad_alloc();
  failed("no sound that libsndfile reads (WAV, FLAC, OGG, MP3, AIFF, AU, CAF, …): " + why_not_opened(source, grow));
}

void check(const SF_INFO &info) {
  if (info.channels < 1 || info.channels > max_channels)
    bad_input(std::to_string(info.channels) + " channels; wanted 1 to " + std::to_string(max_channels));
  if (info.samplerate < 1) bad_input("a rate of " + std::to_string(info.samplerate));
}

// A chained stream goes on where the one before ended: with as many channels, at the same rate.
void join(Samples &out, const SF_INFO &info) {
  if (out.channels != 0 && (out.channels != info.channels || out.rate != info.samplerate))
    bad_input("the OGG has streams that differ: " + mrun::counted(out.channels, "channel") + " at " +
              std::to_string(out.rate) + ", then " + std::to_string(info.channels) + " at " +
              std::to_string(info.samplerate));
  out.channels = info.channels;
  out.rate = info.samplerate;
}

// Of these kinds libsndfile tells of a length that the file does not have, but only in its log.
void check_log(SNDFILE *f, int kind) {
  if (kind != SF_FORMAT_MAT4 && kind != SF_FORMAT_WVE && kind != SF_FORMAT_PAF) return;
  char log[1 << 14] = "";
  sf_command(f, SFC_GET_LOG_INFO, log, sizeof log);
  const std::string_view text(log);
  const size_t length = text.find("Data length ");
  const bool less = length != text.npos && text.find(" should be ", length) != text.npos;
  if (less || text.find("seems to be truncated") != text.npos)
    bad_input("the file is cut short: fewer samples are there than it says");
}

void append(const File &f, int channels, const Grow &grow, Samples &out) {
  constexpr sf_count_t step = 1 << 14;  // frames
  const Charge work(grow, step * channels * int64_t(sizeof(float)));
  std::vector<float> part(size_t(step) * size_t(channels));
  for (sf_count_t got; (got = sf_readf_float(f.get(), part.data(), step)) > 0;) {
    const size_t count = size_t(got) * size_t(channels);
    if (int64_t(out.interleaved.size() + count) > max_samples) bad_input("more than 2^31 samples");
    const auto end = part.begin() + ptrdiff_t(count);
    if (const auto bad = std::find_if(part.begin(), end, [](float x) { return !std::isfinite(x); }); bad != end)
      bad_input("frame " + std::to_string(out.frames() + (bad - part.begin()) / channels) + " is not a finite number");
    grow(int64_t(count * sizeof(float)) * 2);
    out.interleaved.insert(out.interleaved.end(), part.begin(), end);
  }
}

File opened_with_others(SF_INFO &info, Memory &bytes) {
  errno = 0;
  File f;
  {
    const std::shared_lock with_others(opening);
    f = opened(info, bytes);
  }
  if (bytes.stopped) std::rethrow_exception(bytes.stopped);
  if (!f) not_opened(bytes.source, bytes.grow);
  return f;
}

// The begin that was cut off because of what lies before the source, as it is without that.
void insert_begin(const Source &source, int64_t at, int64_t frames, const Grow &grow, Samples &out) {
  constexpr int64_t longest_delay = 1152;
  if (frames > longest_delay) failed(mrun::counted(frames, "sample") + " of the MPEG audio could not be read");
  const Source without{source.bytes};
  const Charge libraries(grow, library_bytes(without));
  Memory bytes{without, grow, 0, 0, {}};
  SF_INFO info{};
  const File f = opened_with_others(info, bytes);
  const Charge work(grow, frames * out.channels * int64_t(sizeof(float)) * 2);
  std::vector<float> part(size_t(frames) * size_t(out.channels));
  if (info.channels != out.channels || sf_readf_float(f.get(), part.data(), frames) != frames)
    failed("the first " + mrun::counted(frames, "sample") + " could not be read");
  out.interleaved.insert(out.interleaved.begin() + ptrdiff_t(at * out.channels), part.begin(), part.end());
}

void decode_source(const Source &source, const Grow &grow, Samples &out) {
  const Charge libraries(grow, library_bytes(source));
  Memory bytes{source, grow, 0, 0, {}};
  SF_INFO info{};
  const File f = opened_with_others(info, bytes);
  check(info);
  join(out, info);
  const int kind = info.format & SF_FORMAT_TYPEMASK;
  check_log(f.get(), kind);
  const int64_t before = out.frames();
  append(f, info.channels, grow, out);
  if (bytes.stopped) std::rethrow_exception(bytes.stopped);
  if (sf_error(f.get()) != SF_ERR_NO_ERROR) failed(sf_strerror(f.get()));
  // Of OGG and MPEG, also inside a WAV, the length is an estimate; container.h has checked that they are whole.
  const int encoding = info.format & SF_FORMAT_SUBMASK;
  const bool estimated = kind == SF_FORMAT_OGG || kind == SF_FORMAT_MPEG || encoding == SF_FORMAT_MPEG_LAYER_I ||
                         encoding == SF_FORMAT_MPEG_LAYER_II || encoding == SF_FORMAT_MPEG_LAYER_III;
  const int64_t got = out.frames() - before, said = source.frames.value_or(info.frames);
  if (!estimated && said < SF_COUNT_MAX && got < said)
    failed("the file says that it has " + mrun::counted(said, "frame") + ", but only " + std::to_string(got) +
           " were read");
  if (!source.lead.empty() && got < said) insert_begin(source, before, said - got, grow, out);
  if (source.frames) out.interleaved.resize(size_t((before + said) * info.channels));
}

}  // namespace

Samples decode(std::string_view file, const Grow &grow) {
  Samples out;
  for (const Source &source : sources_of(file)) decode_source(source, grow, out);
  return out;
}

}  // namespace audio
