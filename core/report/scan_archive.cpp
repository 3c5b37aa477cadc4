#include "report/scan_archive.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <mrun/message.hpp>

#include "base/text.h"

namespace mrun {
namespace {

constexpr uint32_t end_mark = 0x06054B50, locator_mark = 0x07064B50, end64_mark = 0x06064B50, entry_mark = 0x02014B50,
                   local_mark = 0x04034B50;
constexpr size_t end_size = 22, locator_size = 20, end64_size = 56, entry_size = 46, local_size = 30;
constexpr uint64_t most_entries = uint64_t{1} << 20, most_directory = uint64_t{256} << 20,
                   longest_tail = 65535 + end_size;

template <class T>
T get(std::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// The last end record, as readers look for it; npos where there is none.
size_t find_end(std::string_view tail) {
  if (tail.size() < end_size) return std::string_view::npos;
  for (size_t at = tail.size() - end_size + 1; at-- > 0;) {
    if (get<uint32_t>(tail, at) == end_mark) return at;
  }
  return std::string_view::npos;
}

std::string tail_of(const Source &source) {
  const uint64_t n = std::min(source.size(), longest_tail);
  return source.read(source.size() - n, static_cast<size_t>(n));
}

std::string part(const Source &source, uint64_t offset, uint64_t n, const char *what) {
  if (offset > source.size() || n > source.size() - offset) fail(MRUN_INPUT, "{} lies outside the file", what);
  return source.read(offset, static_cast<size_t>(n));
}

}  // namespace

bool ends_with_directory(const Source &source) { return find_end(tail_of(source)) != std::string_view::npos; }

Archive::Place Archive::find_directory() const {
  const std::string tail = tail_of(source_);
  const size_t at = find_end(tail);
  if (at == std::string_view::npos) fail(MRUN_INPUT, "no directory of a ZIP file at its end");
  const std::string_view end = std::string_view(tail).substr(at);
  const uint64_t position = source_.size() - tail.size() + at;
  const Place place{get<uint16_t>(end, 10), get<uint32_t>(end, 12), get<uint32_t>(end, 16), position};
  if (position < locator_size) return place;
  const std::string locator = source_.read(position - locator_size, locator_size);
  if (get<uint32_t>(locator, 0) != locator_mark) return place;
  const uint64_t said = get<uint64_t>(locator, 8), end64 = position - std::min(position, locator_size + end64_size);
  std::string wide = part(source_, said, end64_size, "the ZIP64 end record");
  if (get<uint32_t>(wide, 0) != end64_mark) wide = source_.read(end64, end64_size);
  if (get<uint32_t>(wide, 0) != end64_mark) fail(MRUN_INPUT, "its ZIP64 end record is none");
  return {get<uint64_t>(wide, 32), get<uint64_t>(wide, 40), get<uint64_t>(wide, 48), end64, said, true};
}

// Where something was put in front of an archive, some readers count from there.
void Archive::find_shift(const Place &place) {
  const uint64_t wanted = place.end - std::min(place.end, place.size);
  const std::string first = part(source_, place.offset, std::min<uint64_t>(place.size, 4), "its directory");
  if (place.size >= 4 && get<uint32_t>(first, 0) != entry_mark && wanted > place.offset) shift_ = wanted - place.offset;
  ambiguous_ = place.offset + shift_ != wanted || (place.is_wide && place.end64 + shift_ != place.end);
}

Archive::Archive(const Source &source) : source_(source) {
  const Place place = find_directory();
  if (place.count > most_entries || place.size > most_directory) {
    fail(MRUN_INPUT, "its directory claims {} in {}", counted(place.count, "entry", "entries"),
         counted(place.size, "byte"));
  }
  find_shift(place);
  const std::string directory = part(source_, place.offset + shift_, place.size, "its directory");
  for (size_t n = 0, at = 0; n < place.count; ++n) entries_.push_back(next(directory, at));
  mark_overlaps();
}

// A million entries can lie in the same few bytes, each of which would be read for each of them.
void Archive::mark_overlaps() {
  std::vector<ArchiveEntry *> in_order;
  in_order.reserve(entries_.size());
  for (ArchiveEntry &e : entries_) in_order.push_back(&e);
  std::ranges::stable_sort(in_order, {}, &ArchiveEntry::header);
  uint64_t end = 0;  // of what has been passed
  for (ArchiveEntry *e : in_order) {
    e->overlaps = e->header < end;
    uint64_t own = 0;
    if (__builtin_add_overflow(e->header, local_size + e->name.size(), &own) ||
        __builtin_add_overflow(own, e->packed, &own)) {
      own = UINT64_MAX;
    }
    end = std::max(end, own);
  }
}

ArchiveEntry Archive::next(const std::string &directory, size_t &at) const {
  const std::string_view rest = std::string_view(directory).substr(at);
  if (rest.size() < entry_size || get<uint32_t>(rest, 0) != entry_mark) fail(MRUN_INPUT, "its directory is damaged");
  const size_t name = get<uint16_t>(rest, 28), extra = get<uint16_t>(rest, 30), comment = get<uint16_t>(rest, 32);
  if (rest.size() - entry_size < name + extra + comment) fail(MRUN_INPUT, "its directory is cut off");
  ArchiveEntry e;
  e.name = rest.substr(entry_size, name);
  e.flags = get<uint16_t>(rest, 8);
  e.method = get<uint16_t>(rest, 10);
  e.packed = get<uint32_t>(rest, 20);
  e.size = get<uint32_t>(rest, 24);
  e.header = get<uint32_t>(rest, 42);
  std::string_view fields = rest.substr(entry_size + name, extra);
  while (fields.size() >= 4) {
    const size_t n = get<uint16_t>(fields, 2);
    if (fields.size() - 4 < n) break;
    if (get<uint16_t>(fields, 0) == 1) {
      std::string_view wide = fields.substr(4, n);
      for (uint64_t *number : {&e.size, &e.packed, &e.header}) {
        if (*number != 0xFFFFFFFF || wide.size() < 8) continue;
        *number = get<uint64_t>(wide, 0);
        wide.remove_prefix(8);
      }
    }
    fields.remove_prefix(4 + n);
  }
  at += entry_size + name + extra + comment;
  return e;
}

// Read as it is needed: entries may say that all of them lie in the same bytes.
std::string Archive::inflated(uint64_t start, uint64_t packed, size_t most) const {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) fail(MRUN_MEMORY, "no memory to inflate");
  const std::unique_ptr<z_stream, int (*)(z_stream *)> owner(&stream, inflateEnd);
  std::string in, out;
  char step[1 << 16];
  for (int result = Z_OK; result == Z_OK && out.size() < most;) {
    if (stream.avail_in == 0 && packed > 0) {
      in = part(source_, start, std::min<uint64_t>(packed, sizeof step), "it");
      start += in.size();
      packed -= in.size();
      stream.next_in = reinterpret_cast<Bytef *>(in.data());
      stream.avail_in = static_cast<uInt>(in.size());
    }
    stream.next_out = reinterpret_cast<Bytef *>(step);
    stream.avail_out = static_cast<uInt>(std::min(sizeof step, most - out.size()));
    result = inflate(&stream, Z_NO_FLUSH);
    out.append(step, static_cast<size_t>(reinterpret_cast<char *>(stream.next_out) - step));
    if (result == Z_MEM_ERROR) fail(MRUN_MEMORY, "no memory to inflate");
    if (result != Z_OK && result != Z_STREAM_END) fail(MRUN_INPUT, "its deflated bytes are damaged");
  }
  return out;
}

std::string Archive::read(const ArchiveEntry &e, size_t most) const {
  if ((e.flags & 1) != 0) fail(MRUN_INPUT, "is encrypted");
  const uint64_t header = e.header + shift_;
  const std::string local = part(source_, header, local_size, "its header");
  if (get<uint32_t>(local, 0) != local_mark) fail(MRUN_INPUT, "its header is none");
  const uint64_t start = header + local_size + get<uint16_t>(local, 26) + get<uint16_t>(local, 28);
  if (e.method == 0) return part(source_, start, std::min<uint64_t>(e.size, most), "it");
  if (e.method != 8) fail(MRUN_INPUT, "is packed by a method that is not known ({})", e.method);
  return inflated(start, e.packed, most);
}

}  // namespace mrun
