#include "container.h"

#include <mrun/file_kind.hpp>

#include <algorithm>

#include "bytes.h"
#include "error.h"

namespace audio {
namespace {

using namespace std::string_view_literals;

[[noreturn]] void missing(const char *kind, uint64_t said, uint64_t left) {
  bad_input(std::string("the ") + kind + " says that it has " + mrun::counted(said, "byte") + " of samples, but " +
            std::to_string(left) + " are there");
}

// A file of chunks, each a name and a length.
struct Chunked {
  const char *kind;
  std::string_view magic;
  size_t second_at;  // a second magic, where the first is shared
  std::string_view second;
  size_t first_chunk;
  size_t name_size;
  int length_size;
  bool big;
  bool counts_itself;  // the length includes name and length
  size_t align;
  std::string_view samples;  // the name of the chunk that holds them
};
constexpr std::string_view w64_data = "data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"sv;
constexpr Chunked chunked[] = {
    {"WAV", "RIFF"sv, 8, "WAVE"sv, 12, 4, 4, false, false, 2, "data"sv},
    {"WAV", "RIFX"sv, 8, "WAVE"sv, 12, 4, 4, true, false, 2, "data"sv},
    {"RF64", "RF64"sv, 8, "WAVE"sv, 12, 4, 4, false, false, 2, "data"sv},
    {"AIFF", "FORM"sv, 8, "AIF"sv, 12, 4, 4, true, false, 2, "SSND"sv},
    {"SVX", "FORM"sv, 8, "8SVX"sv, 12, 4, 4, true, false, 2, "BODY"sv},
    {"SVX", "FORM"sv, 8, "16SV"sv, 12, 4, 4, true, false, 2, "BODY"sv},
    {"CAF", "caff"sv, 0, "caff"sv, 8, 4, 8, true, false, 1, "data"sv},
    {"W64", "riff\x2e\x91\xcf\x11"sv, 0, "riff"sv, 40, 16, 8, false, true, 8, w64_data},
};

const Chunked *chunks_of(std::string_view s) {
  for (const Chunked &c : chunked)
    if (has(s, 0, c.magic) && has(s, c.second_at, c.second)) return &c;
  return nullptr;
}

struct Chunk {
  size_t at;            // of its length
  uint64_t size, left;  // as it says, and what there is behind it
};

// Calls f(name, chunk) until it says that it has seen enough; false where the chunks do not end with the file.
template <class F>
bool each_chunk(const Chunked &c, std::string_view s, size_t at, F f) {
  const size_t head = c.name_size + size_t(c.length_size);
  while (at <= s.size() && s.size() - at >= head) {
    Chunk chunk{at + c.name_size, number(s, at + c.name_size, c.length_size, c.big), s.size() - at - head};
    if (c.counts_itself) chunk.size -= std::min<uint64_t>(chunk.size, head);
    if (f(s.substr(at, c.name_size), chunk)) return true;
    if (chunk.size > chunk.left) return false;
    const uint64_t padded = (chunk.size + c.align - 1) / c.align * c.align;
    at += head + size_t(std::min<uint64_t>(padded, chunk.left));
  }
  return at == s.size();
}

bool printable(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// Whether the samples are none, and other chunks follow up to the end.
bool really_empty(const Chunked &c, std::string_view s, const Chunk &data) {
  bool names = true;
  const auto look = [&](std::string_view name, const Chunk &) { return !(names = names && printable(name)); };
  return each_chunk(c, s, data.at + size_t(c.length_size), look) && names;
}

// Lengths that writers into a pipe leave, who do not know better: sox, arecord, ffmpeg and those that write the greatest
// number, or it less the header, or a whole number of frames. 0 is one of them.
bool left_open(uint64_t size, uint64_t frame) {
  for (uint64_t most : {0x7ffff000ULL, 0x7fffff00ULL, 0x7fffffffULL, 0x80000000ULL, 2'000'000'000ULL, 0xffffff00ULL,
                        0xfffffff0ULL, 0xffffffffULL})
    for (uint64_t head : {0, 36, 44, 58, 68}) {
      const uint64_t whole = (most - head) / frame * frame;
      if (size == most - head || size == whole) return true;
    }
  return size == 0;
}

// What the format chunk says.
struct Format {
  bool mpeg = false;
  uint64_t frame = 1;  // bytes
};
Format format_of(const Chunked &c, std::string_view s) {
  constexpr uint64_t mpeg_layer_3 = 0x55;
  Format format;
  each_chunk(c, s, c.first_chunk, [&](std::string_view name, const Chunk &chunk) {
    if (name != "fmt " || chunk.left < 14) return false;
    format.mpeg = number(s, chunk.at + 4, 2, c.big) == mpeg_layer_3;
    format.frame = std::max<uint64_t>(1, number(s, chunk.at + 4 + 12, 2, c.big));
    return true;
  });
  return format;
}

// Of a WAV, where the length is wrong in a way that is known, it is set right.
Source wav_source(const Chunked &c, std::string_view s, const Chunk &data) {
  Source source{s};
  const auto [mpeg, frame] = format_of(c, s);
  source.mpeg = mpeg;
  if (data.size == 0 && (data.left == 0 || really_empty(c, s, data))) return source;
  if (data.size > 0 && data.size <= data.left) return source;
  const bool frames_are_there = data.size > 0 && data.size / frame == data.left / frame;
  if (!frames_are_there && !left_open(data.size, frame)) missing(c.kind, data.size, data.left);
  source.patch_at = data.at;
  source.patch = length_bytes(std::min<uint64_t>(data.left, 0xfffffffeU), c.big);
  return source;
}

// libsndfile reads as many samples as the first STREAMINFO says, and nothing of a stream behind it.
void check_one_flac(std::string_view s) {
  constexpr std::string_view magic = "fLaC";
  if (!has(s, 0, magic)) return;
  for (size_t at = s.find(magic, 1); at != s.npos; at = s.find(magic, at + 1)) {
    const std::string_view streaminfo = s.substr(at + magic.size(), 4);  // the block's kind and length
    if (streaminfo == std::string_view("\0\0\0\x22", 4) || streaminfo == std::string_view("\x80\0\0\x22", 4))
      bad_input("a second FLAC stream follows the first; wanted one");
  }
}

// CAF's table of the lengths of packets: numbers of 7 bits a byte, up to five of them, behind 24 bytes and up to a 0. Of
// others libsndfile speaks on standard output.
void check_packet_table(std::string_view table) {
  constexpr size_t most = 5;
  for (size_t at = 24; at < table.size();) {
    const size_t from = at;
    bool zero = true, more = true;
    for (; more && at < table.size() && at - from < most; ++at) {
      const auto byte = static_cast<unsigned char>(table[at]);
      zero = zero && (byte & 127) == 0;
      more = (byte & 128) != 0;
    }
    if (more) bad_input("the CAF is damaged: its packet table has a length that does not end");
    if (zero) return;
  }
}

Source chunked_source(const Chunked &c, std::string_view s) {
  std::optional<Chunk> data;
  uint64_t long_size = 0;  // RF64: the length of 64 bits
  if (c.magic == "caff")
    each_chunk(c, s, c.first_chunk, [&](std::string_view name, const Chunk &chunk) {
      if (name == "pakt" && chunk.size <= chunk.left) check_packet_table(s.substr(chunk.at + 8, size_t(chunk.size)));
      return false;
    });
  each_chunk(c, s, c.first_chunk, [&](std::string_view name, const Chunk &chunk) {
    if (name == "ds64" && chunk.left >= 16) long_size = number(s, chunk.at + 4 + 8, 8, false);
    if (name == c.samples) data = chunk;
    return data.has_value();
  });
  if (!data) bad_input(std::string("the ") + c.kind + " has no samples");
  if (c.magic == "RIFF" || c.magic == "RIFX") return wav_source(c, s, *data);
  const uint64_t all = c.length_size == 8 ? UINT64_MAX : UINT32_MAX;
  if (data->size == all && c.magic == "RF64") data->size = long_size == UINT64_MAX ? data->left : long_size;
  if (data->size == all && c.magic == "caff") return {s};  // to the end
  const bool open = data->size == 0 && data->left > 0 && !really_empty(c, s, *data);
  if (data->size > data->left || open) missing(c.kind, data->size, data->left);
  return {s};
}

// Kinds whose header holds one length, at a fixed place.
void check_header(std::string_view s) {
  const auto said = [&](const char *kind, uint64_t size, uint64_t begin) {
    const uint64_t left = s.size() - std::min<uint64_t>(begin, s.size());
    if (size > left || (size == 0 && left > 0)) missing(kind, size, left);
  };
  const bool big = has(s, 0, ".snd");
  if ((big || has(s, 0, "dns.")) && s.size() >= 24) {
    const uint64_t size = number(s, 8, 4, big);
    if (size != UINT32_MAX) said("AU", size, number(s, 4, 4, big));
  }
  if (has(s, 0, "2BIT") && s.size() >= 128) {
    const uint64_t channels = number(s, 12, 2, true) != 0 ? 2 : 1;
    said("AVR", number(s, 26, 4, true) * channels * (number(s, 14, 2, true) / 8), 128);
  }
  if (has(s, 0, "\x01\x04"sv) && s.size() >= 42) {
    const uint64_t channels = number(s, 21, 1, false) != 0 ? 2 : 1;
    said("MPC2K", number(s, 30, 4, false) * channels * 2, 42);
  }
  if (has(s, 0, "NIST_1A")) {
    const auto field = [&](std::string_view name, uint64_t otherwise) {
      const size_t at = s.substr(0, 1024).find(name);
      const size_t digits = at == s.npos ? s.npos : s.find_first_of("0123456789", at + name.size());
      return digits == s.npos ? otherwise
                              : uint64_t(std::strtoull(std::string(s.substr(digits, 12)).c_str(), nullptr, 10));
    };
    said("NIST", field("sample_count -i", 0) * field("channel_count -i", 1) * field("sample_n_bytes -i", 1), 1024);
  }
}

// MIDI sample dump: a header of 21 bytes with numbers of 7 bits a byte, then packets of 127. Of samples that do not fill
// the last packet, or the only one, libsndfile reads none: it is told of one more than that packet has.
Source sds_source(std::string_view s) {
  constexpr size_t head = 21, length_at = 10;
  Source source{s};
  if (!has(s, 0, "\xf0\x7e"sv) || s.size() < head || s[3] != 1) return source;
  const uint64_t bits = number(s, 6, 1, false), in_packet = bits < 14 ? 60 : bits < 21 ? 40 : 30;
  uint64_t samples = 0;
  for (size_t i = 0; i < 3; ++i) samples |= (number(s, length_at + i, 1, false) & 127) << 7 * i;
  const uint64_t packets = (samples + in_packet - 1) / in_packet;
  if (packets * 127 > s.size() - head) missing("SDS", packets * 127, s.size() - head);
  for (size_t i = 0, at = head; i < packets; ++i, at += 127)
    if (number(s, at, 2, true) != 0xf07e)  // libsndfile says so on standard output
      bad_input("the SDS is damaged: no packet begins at byte " + std::to_string(at));
  const uint64_t told = packets * in_packet + 1;
  if (samples == 0 || told >> 21 != 0) return source;
  source.frames = int64_t(samples);
  source.patch_at = length_at;
  source.patch = {char(told & 127), char(told >> 7 & 127), char(told >> 14), s[length_at + 3]};
  return source;
}

// PAF of 24 bits has blocks of ten frames, 32 bytes for each channel, and no length. Of the last block libsndfile does not
// read what is left where reading stopped within it, nor of the only one anything: one of zeros is put behind it.
Source paf_source(std::string_view s) {
  constexpr size_t head = 2048, block = 32;
  constexpr uint64_t of_24_bits = 1;
  Source source{s};
  const bool big = has(s, 0, " paf");
  if ((!big && !has(s, 0, "fap ")) || s.size() <= head || number(s, 16, 4, big) != of_24_bits) return source;
  const uint64_t channels = number(s, 20, 4, big);
  if (channels < 1 || channels > 1024 || (s.size() - head) % (block * channels) != 0) return source;
  source.zeros = block * channels;
  source.frames = int64_t((s.size() - head) / source.zeros * 10);
  return source;
}

// VOC: blocks of a type and a length of 24 bits, up to one of type 0. What is behind the first samples does not count:
// libsndfile does not read it, and sox writes too small a length.
void check_voc(std::string_view s) {
  if (!has(s, 0, "Creative Voice File\x1a") || s.size() < 26) return;
  size_t at = number(s, 20, 2, false);
  while (s.size() >= 4 && at <= s.size() - 4 && s[at] != 0) {
    const uint64_t size = number(s, at + 1, 3, false), left = s.size() - at - 4;
    if (size > left) missing("VOC", size, left);
    constexpr char samples = 1, more_samples = 2, new_samples = 9;
    if (s[at] == samples || s[at] == more_samples || s[at] == new_samples) return;
    at += 4 + size_t(size);
  }
}

// MATLAB 5: matrices behind a header of 128 bytes, each of elements (flags, dimensions, name, numbers) of a type and a
// length, filled up to 8 bytes; a short one has both in four bytes.
void check_mat5(std::string_view s) {
  if (!has(s, 0, "MATLAB 5.0 MAT-file") || s.size() < 136) return;
  const bool big = s.substr(126, 2) == "MI";
  for (size_t at = 136, element = 0; at <= s.size() && s.size() - at >= 8; ++element) {
    const bool small = number(s, at, 4, big) >> 16 != 0;
    const uint64_t size = small ? 0 : number(s, at + 4, 4, big), left = s.size() - at - 8;
    if (size > left) missing("MATLAB file", size, left);
    at += 8 + size_t(std::min(left, (size + 7) / 8 * 8));
    if (element % 4 == 3) at += 8;  // the next matrix's own type and length
  }
}

// An ID3 tag before the sound is no part of it; libsndfile stumbles over some.
std::string_view without_tag(std::string_view file) {
  while (const size_t length = id3_size(file, 0)) {
    if (length >= file.size()) bad_input("the file ends within its ID3 tag");
    file.remove_prefix(length);
  }
  return file;
}

// What may be in an OGG, by its first page, and is not read.
struct Foreign {
  size_t at;
  std::string_view magic;
  const char *what;
};
constexpr Foreign foreign_in_ogg[] = {
    {28,
     "\x7f"
     "FLAC"sv,
     "FLAC in an OGG (a file of FLAC alone is read)"},
    {28, "Speex   "sv, "Speex in an OGG"},
    {28, "\x80theora"sv, "a Theora video (OGG)"},
    {28, "BBCD"sv, "a Dirac video (OGG)"},
};

}  // namespace

std::string foreign_kind(std::string_view file) {
  for (const Foreign &f : foreign_in_ogg)
    if (has(file, 0, "OggS") && has(file, f.at, f.magic)) return f.what;
  return std::string(mrun::known_file_kind(file));
}

std::vector<Source> sources_of(std::string_view file) {
  if (file.empty()) bad_input("the file is empty");
  const std::string_view s = without_tag(file);
  if (has(s, 0, "OggS")) return ogg_links(s);
  if (const Chunked *c = chunks_of(s)) return {chunked_source(*c, s)};
  check_header(s);
  check_voc(s);
  check_mat5(s);
  check_one_flac(s);
  if (is_mpeg(s)) return {mpeg_source(s)};
  Source source = has(s, 0, "\xf0") ? sds_source(s) : paf_source(s);
  source.mpeg = has(s, 0, "\xff");
  return {source};
}

}  // namespace audio
