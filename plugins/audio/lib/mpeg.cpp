// Frames of MPEG audio (ISO 11172-3, 13818-3): a header of four bytes gives a frame's length.
#include <algorithm>

#include "bytes.h"
#include "container.h"
#include "error.h"

namespace audio {
namespace {

struct Frame {
  size_t size;
  size_t info_at;  // where the first frame of Layer III may say how many there are
  bool layer_3;
  size_t samples;
  double mean_size;  // of frames at this bit rate, with and without padding
};

// In kbit/s, by [table][index]; tables: MPEG 1 layers I, II, III, MPEG 2 layer I, MPEG 2 layers II and III.
constexpr int bit_rates[5][15] = {{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
                                  {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
                                  {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
                                  {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
                                  {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}};

// Nothing where no frame begins, or its length is free.
std::optional<Frame> frame_at(std::string_view s, size_t at) {
  if (s.size() < 4 || at > s.size() - 4) return std::nullopt;
  const auto h = uint32_t(number(s, at, 4, true));
  const unsigned version = h >> 19 & 3, layer = 4 - (h >> 17 & 3), rate_index = h >> 10 & 3, bits_index = h >> 12 & 15;
  if (h >> 21 != 0x7ff || version == 1 || layer == 4 || rate_index == 3 || bits_index == 0 || bits_index == 15)
    return std::nullopt;
  const bool one = version == 3;
  const size_t table = one ? layer - 1 : layer == 1 ? 3 : 4;
  static constexpr size_t rates[] = {44100, 48000, 32000};
  const size_t rate = rates[rate_index] >> (one ? 0 : version == 2 ? 1 : 2);
  const size_t bits = size_t(bit_rates[table][bits_index]) * 1000, padding = h >> 9 & 1;
  const size_t samples = layer == 1 ? 384 : layer == 3 && !one ? 576 : 1152;
  const size_t size = layer == 1 ? (12 * bits / rate + padding) * 4 : samples / 8 * bits / rate + padding;
  const double mean = double(samples) / 8 * double(bits) / double(rate);
  const bool mono = (h >> 6 & 3) == 3;
  return Frame{size, at + 4 + (one ? (mono ? 17U : 32U) : (mono ? 9U : 17U)), layer == 3, samples, mean};
}

// What the first frame of Layer III may say in place of sound: "Xing" or "Info", which of the numbers follow, and those.
struct Stated {
  uint64_t frames;                  // that follow it
  std::optional<size_t> size_at{};  // where the file's length stands
};
bool is_info(std::string_view s, const Frame &f) {
  return s.size() >= f.info_at + 16 && (has(s, f.info_at, "Xing") || has(s, f.info_at, "Info"));
}
bool is_silent_info(std::string_view s, size_t at, const Frame &f) {
  return f.layer_3 && is_info(s, f) && s.substr(at + 4, f.info_at - at - 4).find_first_not_of('\0') == s.npos;
}
std::optional<Stated> stated_by(std::string_view s, const Frame &first) {
  if (!is_info(s, first)) return std::nullopt;
  const uint64_t flags = number(s, first.info_at + 4, 4, true);
  if ((flags & 1) == 0) return std::nullopt;
  Stated stated{number(s, first.info_at + 8, 4, true)};
  if ((flags & 2) != 0) stated.size_at = first.info_at + 12;
  return stated;
}

// Where sound may go on behind tags and zeros.
size_t behind_tags(std::string_view s, size_t at) {
  constexpr size_t id3v1 = 128;
  for (size_t before = s.size() + 1; at != before && at < s.size();) {
    before = at;
    if (has(s, at, "TAG")) at += id3v1;
    at += id3_size(s, at);
    at = std::min(s.find_first_not_of('\0', std::min(at, s.size())), s.size());
  }
  return at;
}

struct Walk {
  uint64_t frames = 0;
  size_t end = 0;
  bool second = false;  // another stream begins
};
Walk walk(std::string_view s) {
  Walk w;
  for (std::optional<Frame> f = frame_at(s, 0); f; f = frame_at(s, w.end)) {
    if (f->size > s.size() - w.end) bad_input("the MPEG audio is cut short: its last frame is not whole");
    w.second = w.second || (w.frames > 0 && is_silent_info(s, w.end, *f));
    w.end += f->size;
    ++w.frames;
    if (frame_at(s, w.end)) continue;
    const size_t on = behind_tags(s, w.end);
    if (on < s.size() && is_mpeg(s.substr(on))) w.end = on;
  }
  return w;
}

// Where no frame says how many there are, mpg123 takes the first one's length for that of all, and libsndfile ends where the
// sound would: early, where most are shorter than the first.
bool ends_early(const Walk &w, const Frame &first, size_t file_size) {
  return double(w.frames) * first.mean_size > double(file_size) + first.mean_size;
}

// A frame that says how many follow. With it mpg123 cuts off its own delay, which it does not without.
std::string info_frame(std::string_view s, uint64_t frames) {
  constexpr uint32_t no_checksum = 1U << 16, rates = 15U << 12, greatest = 14U << 12, padding = 1U << 9;
  std::string text;
  const auto put = [&](uint64_t v) {
    for (int shift = 24; shift >= 0; shift -= 8) text += char(v >> shift & 255);
  };
  put((number(s, 0, 4, true) & ~uint64_t(rates | padding)) | greatest | no_checksum);
  const Frame info = *frame_at(text, 0);
  text.resize(info.info_at);
  text += "Info";
  put(1);
  put(std::min<uint64_t>(frames, 0x7fffffff));
  text.resize(info.size);
  return text;
}

}  // namespace

bool is_mpeg(std::string_view file) {
  const auto first = frame_at(file, 0);
  return first && (first->size >= file.size() || frame_at(file, first->size));
}

Source mpeg_source(std::string_view file) {
  Source source{file};
  source.mpeg = true;
  const auto first = frame_at(file, 0);
  const auto stated = stated_by(file, *first);
  const Walk w = walk(file);
  if (w.second) bad_input("a second stream of MPEG audio follows the first; wanted one");
  if (!stated) {
    if (first->layer_3 && !is_info(file, *first) && ends_early(w, *first, file.size())) {
      source.lead = info_frame(file, w.frames);
      source.frames = int64_t(w.frames * first->samples);
    }
    return source;
  }
  if (w.frames < stated->frames + 1)
    bad_input("the MPEG audio says that it has " + mrun::counted(stated->frames, "frame") + ", but only the first " +
              std::to_string(w.frames - 1) + " are whole");
  if (stated->size_at) {  // mpg123 writes to standard error where it is another
    source.patch_at = *stated->size_at;
    source.patch = length_bytes(std::min<uint64_t>(file.size(), 0xffffffffU), true);
  }
  constexpr uint64_t other_count = 1;  // some count the first one, too
  if (w.frames > stated->frames + 1 + other_count)
    bad_input("the MPEG audio says that it has " + mrun::counted(stated->frames, "frame") + ", but " +
              std::to_string(w.frames - 1) + " are there");
  return source;
}

}  // namespace audio
