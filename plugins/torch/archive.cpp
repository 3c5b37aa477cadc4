#include "archive.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <mrun/file_kind.hpp>
#include <mrun/plugin.hpp>
#include <string>
#include <string_view>

namespace mrun_torch {
namespace {

[[noreturn]] void damaged_file(const std::string &what) {
  throw mrun::error(MRUN_BUNDLE, "the model file is damaged: " + what);
}

// Little-endian numbers at checked positions.
class Bytes {
 public:
  Bytes(const void *data, size_t size) : data_(static_cast<const unsigned char *>(data)), size_(size) {}
  size_t size() const { return size_; }
  uint64_t number(uint64_t at, size_t width) const {
    const unsigned char *p = part(at, width);
    uint64_t n = 0;
    for (size_t i = width; i-- > 0;) n = n << 8 | p[i];
    return n;
  }
  const unsigned char *part(uint64_t at, uint64_t count) const {
    if (at > size_ || count > size_ - at) damaged_file("it is cut off, or a position in it is wrong");
    return data_ + at;
  }

 private:
  const unsigned char *data_;
  size_t size_;
};

// Signatures and the lengths of their fixed parts: APPNOTE.TXT of ZIP, 4.3.
constexpr uint64_t end_signature = 0x06054b50, end_size = 22;
constexpr uint64_t locator_signature = 0x07064b50, locator_size = 20;
constexpr uint64_t end64_signature = 0x06064b50;
constexpr uint64_t central_signature = 0x02014b50, central_size = 46;
constexpr uint64_t local_signature = 0x04034b50, local_size = 30;

struct Entry {
  std::string_view name;
  uint64_t method = 0, crc = 0, packed = 0, size = 0, local = 0;
};

// Fields of 2^32 - 1 stand for the next 64-bit number of the ZIP64 field.
void widen(const Bytes &bytes, Entry &e, uint64_t at, uint64_t end) {
  while (at + 4 <= end) {
    const uint64_t id = bytes.number(at, 2), length = bytes.number(at + 2, 2);
    at += 4;
    if (id == 1) {
      for (uint64_t *field : {&e.size, &e.packed, &e.local}) {
        if (*field != UINT32_MAX) continue;
        *field = bytes.number(at, 8);
        at += 8;
      }
      return;
    }
    at += length;
  }
}

// A tensor's elements: `NAME/data/0`, `NAME/constants/0`.
bool names_tensor(std::string_view name) {
  const size_t slash = name.rfind('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view number = name.substr(slash + 1), folder = name.substr(0, slash);
  const auto ends = [&](std::string_view end) {
    return folder.size() >= end.size() && folder.substr(folder.size() - end.size()) == end;
  };
  const bool digits = !number.empty() && number.find_first_not_of("0123456789") == std::string_view::npos;
  return digits && (ends("/data") || ends("/constants"));
}

uint64_t crc_of_stored(const unsigned char *from, uint64_t size) { return crc32_z(0, from, size); }

uint64_t crc_of_deflated(const unsigned char *from, uint64_t packed, uint64_t size) {
  z_stream z{};
  if (inflateInit2(&z, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  unsigned char buffer[16384];
  uint64_t crc = 0, done = 0;
  int status = Z_OK;
  while (status == Z_OK && done <= size) {
    if (z.avail_in == 0) {
      z.next_in = const_cast<unsigned char *>(from);
      z.avail_in = static_cast<uInt>(std::min<uint64_t>(packed, UINT32_MAX));
      from += z.avail_in;
      packed -= z.avail_in;
    }
    z.next_out = buffer;
    z.avail_out = sizeof buffer;
    status = inflate(&z, Z_NO_FLUSH);
    const size_t count = sizeof buffer - z.avail_out;
    crc = crc32_z(crc, buffer, count);
    done += count;
  }
  inflateEnd(&z);
  if (status == Z_MEM_ERROR) throw std::bad_alloc();  // its window is made when first wanted
  return status == Z_STREAM_END && done == size ? crc : UINT64_MAX;
}

void check_entry(const Bytes &bytes, const Entry &e) {
  if (names_tensor(e.name)) return;
  if (bytes.number(e.local, 4) != local_signature) damaged_file("an entry does not begin where it should");
  const uint64_t begin = e.local + local_size + bytes.number(e.local + 26, 2) + bytes.number(e.local + 28, 2);
  const unsigned char *from = bytes.part(begin, e.packed);
  uint64_t crc = UINT64_MAX;
  if (e.method == 0 && e.packed == e.size) crc = crc_of_stored(from, e.size);
  if (e.method == Z_DEFLATED) crc = crc_of_deflated(from, e.packed, e.size);
  if (crc != e.crc) damaged_file("an entry does not match its checksum");
}

// ": it is …" for what is known, else nothing.
std::string recognized(const Bytes &bytes) {
  const auto begin = reinterpret_cast<const char *>(bytes.part(0, bytes.size()));
  const std::string_view head(begin, std::min<size_t>(bytes.size(), 256));
  if (head.empty()) return ": it is empty";
  if (head.substr(0, 2) == "PK") return ": it is cut off";
  const std::string kind(mrun::known_file_kind(head));
  return kind.empty() ? "" : ": it is " + kind;
}

constexpr const char *how_to_save = "; a model is saved with torch.jit.script(model.eval()).save(\"model.pt\")";

[[noreturn]] void refuse_other(const Bytes &bytes) {
  throw mrun::error(MRUN_BUNDLE, "this is no TorchScript file" + recognized(bytes) + how_to_save);
}

uint64_t find_end(const Bytes &bytes) {
  if (bytes.size() < end_size) refuse_other(bytes);
  const uint64_t last = bytes.size() - end_size, first = last - std::min<uint64_t>(last, UINT16_MAX);
  for (uint64_t at = last + 1; at-- > first;) {
    if (bytes.number(at, 4) == end_signature) return at;
  }
  refuse_other(bytes);
}

// What Python's torch.save writes.
[[noreturn]] void refuse_pickle() {
  throw mrun::error(MRUN_BUNDLE,
                    "this is what torch.save writes (a state_dict or a whole Python object), which holds no code that "
                    "runs without Python: load it there into its model, and save that with "
                    "torch.jit.script(model.eval()).save(\"model.pt\")");
}

// A pickle by itself, or in a TAR file: the formats of old versions of torch.save.
bool is_old_pickle(const Bytes &bytes) {
  if (bytes.size() > 2 && bytes.number(0, 1) == 0x80 && bytes.number(1, 1) <= 5) return true;
  constexpr uint64_t tar_mark = 257;
  return bytes.size() > tar_mark + 5 && std::memcmp(bytes.part(tar_mark, 5), "ustar", 5) == 0;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// A TorchScript file has both, torch.save's the first alone.
struct Parts {
  bool data = false, code = false;
  std::string_view kind;  // where it is of another kind that is known
  void note(std::string_view name) {
    if (kind.empty()) kind = mrun::known_archive_kind(name);
    data = data || ends_with(name, "/data.pkl");
    code = code || ends_with(name, "/constants.pkl");
  }
};

}  // namespace

void check_archive(const void *data, size_t size) {
  const Bytes bytes(data, size);
  if (is_old_pickle(bytes)) refuse_pickle();
  Parts parts;
  const uint64_t end = find_end(bytes);
  uint64_t count = bytes.number(end + 10, 2), at = bytes.number(end + 16, 4);
  if (end >= locator_size && bytes.number(end - locator_size, 4) == locator_signature) {
    const uint64_t end64 = bytes.number(end - locator_size + 8, 8);
    if (bytes.number(end64, 4) != end64_signature) damaged_file("its directory is not where it should be");
    count = bytes.number(end64 + 32, 8);
    at = bytes.number(end64 + 48, 8);
  }
  for (; count > 0; --count) {
    if (bytes.number(at, 4) != central_signature) damaged_file("its directory is not where it should be");
    Entry e;
    e.method = bytes.number(at + 10, 2);
    e.crc = bytes.number(at + 16, 4);
    e.packed = bytes.number(at + 20, 4);
    e.size = bytes.number(at + 24, 4);
    e.local = bytes.number(at + 42, 4);
    const uint64_t name = bytes.number(at + 28, 2), extra = bytes.number(at + 30, 2),
                   comment = bytes.number(at + 32, 2);
    e.name = {reinterpret_cast<const char *>(bytes.part(at + central_size, name)), name};
    at += central_size + name;
    widen(bytes, e, at, at + extra);
    check_entry(bytes, e);
    parts.note(e.name);
    at += extra + comment;
  }
  if (parts.data && parts.code) return;
  if (parts.data && parts.kind.empty()) refuse_pickle();
  const std::string what(parts.kind.empty() ? "another ZIP archive" : parts.kind);
  throw mrun::error(MRUN_BUNDLE, "this is no TorchScript file: it is " + what + how_to_save);
}

}  // namespace mrun_torch
