#include "bundle/container.h"

#include <algorithm>
#include <cstring>
#include <mrun/message.hpp>
#include <optional>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/text.h"
#include "bundle/models.h"
#include "bundle/names.h"
#include "bundle/other_files.h"

namespace mrun {
namespace {

constexpr uint32_t local_signature = 0x04034B50, central_signature = 0x02014B50, end_signature = 0x06054B50;
constexpr uint32_t end64_signature = 0x06064B50, locator_signature = 0x07064B50;
constexpr uint16_t alignment_field = 0xD935, zip64_field = 1;
constexpr uint16_t made_by = 3 << 8 | 45, version_plain = 10, version_zip64 = 45;
constexpr uint16_t dos_time = 0, dos_date = 0x0021;
constexpr uint32_t attributes = uint32_t{0100644} << 16;
constexpr uint64_t ones16 = 0xFFFF, ones32 = 0xFFFFFFFF;
constexpr size_t local_size = 30, central_size = 46, end_size = 22, locator_size = 20, end64_size = 56;
constexpr size_t max_central_extra = 28;

uint32_t short32(uint64_t v) { return static_cast<uint32_t>(std::min(v, ones32)); }
uint16_t short16(uint64_t v) { return static_cast<uint16_t>(std::min(v, ones16)); }

template <class T>
T get(std::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

}  // namespace

uint64_t alignment(std::string_view name) { return is_weights(name) ? 4096 : 64; }

// The fields that a file has in both of its headers, in their order.
void put_common(std::string &h, bool big, uint64_t size, uint32_t crc, size_t name, size_t extra) {
  put<uint16_t>(h, big ? version_zip64 : version_plain);
  put<uint16_t>(h, 0);  // flags
  put<uint16_t>(h, 0);  // stored
  put<uint16_t>(h, dos_time);
  put<uint16_t>(h, dos_date);
  put<uint32_t>(h, crc);
  put<uint32_t>(h, short32(size));
  put<uint32_t>(h, short32(size));
  put<uint16_t>(h, static_cast<uint16_t>(name));
  put<uint16_t>(h, static_cast<uint16_t>(extra));
}

std::string local_header(std::string_view name, uint64_t size, uint32_t crc, uint64_t offset) {
  const bool big = size >= ones32;
  const uint64_t align = alignment(name);
  const uint64_t bare = local_size + name.size() + (big ? 20 : 0) + 6;
  const uint64_t pad = (align - (offset + bare) % align) % align;
  std::string h;
  h.reserve(bare + pad);
  put<uint32_t>(h, local_signature);
  put_common(h, big, size, crc, name.size(), bare - local_size - name.size() + pad);
  h += name;
  if (big) {
    put<uint16_t>(h, zip64_field);
    put<uint16_t>(h, 16);
    put<uint64_t>(h, size);
    put<uint64_t>(h, size);
  }
  put<uint16_t>(h, alignment_field);
  put<uint16_t>(h, static_cast<uint16_t>(2 + pad));
  put<uint16_t>(h, static_cast<uint16_t>(align));
  h.append(pad, '\0');
  return h;
}

std::string central_header(std::string_view name, uint64_t size, uint32_t crc, uint64_t offset) {
  std::string extra;
  if (size >= ones32) {
    put<uint64_t>(extra, size);
    put<uint64_t>(extra, size);
  }
  if (offset >= ones32) put<uint64_t>(extra, offset);
  const bool big = !extra.empty();
  std::string h;
  h.reserve(central_size + name.size() + 4 + extra.size());
  put<uint32_t>(h, central_signature);
  put<uint16_t>(h, made_by);
  put_common(h, big, size, crc, name.size(), big ? 4 + extra.size() : 0);
  put<uint16_t>(h, 0);  // comment
  put<uint16_t>(h, 0);  // disk
  put<uint16_t>(h, 0);  // internal attributes
  put<uint32_t>(h, attributes);
  put<uint32_t>(h, short32(offset));
  h += name;
  if (big) {
    put<uint16_t>(h, zip64_field);
    put<uint16_t>(h, static_cast<uint16_t>(extra.size()));
    h += extra;
  }
  return h;
}

std::string end_records(uint64_t count, uint64_t size, uint64_t offset) {
  std::string h;
  if (count >= ones16 || size >= ones32 || offset >= ones32) {
    put<uint32_t>(h, end64_signature);
    put<uint64_t>(h, end64_size - 12);
    put<uint16_t>(h, made_by);
    put<uint16_t>(h, version_zip64);
    put<uint32_t>(h, 0);  // disk
    put<uint32_t>(h, 0);
    put<uint64_t>(h, count);
    put<uint64_t>(h, count);
    put<uint64_t>(h, size);
    put<uint64_t>(h, offset);
    put<uint32_t>(h, locator_signature);
    put<uint32_t>(h, 0);  // disk
    put<uint64_t>(h, offset + size);
    put<uint32_t>(h, 1);  // disks
  }
  put<uint32_t>(h, end_signature);
  put<uint16_t>(h, 0);  // disk
  put<uint16_t>(h, 0);
  put<uint16_t>(h, short16(count));
  put<uint16_t>(h, short16(count));
  put<uint32_t>(h, short32(size));
  put<uint32_t>(h, short32(offset));
  put<uint16_t>(h, 0);  // comment
  return h;
}

std::string NameSet::add(std::string_view name) {
  const std::string low = lower(name);
  if (names_.count(low) != 0) return fmt::format("{} stands twice, or differs from another name in case only", name);
  if (folders_.count(low) != 0) return fmt::format("{} is both a file and a folder", name);
  for (size_t slash = low.find('/'); slash != std::string::npos; slash = low.find('/', slash + 1)) {
    const std::string folder = low.substr(0, slash);
    if (names_.count(folder) != 0) return fmt::format("{} is both a file and a folder", name.substr(0, slash));
    folders_.insert(folder);
  }
  names_.insert(low);
  return {};
}

namespace {

struct Directory {
  uint64_t count = 0, size = 0, offset = 0;
};

class DirectoryReader {
 public:
  explicit DirectoryReader(const Source &source) : source_(source) {}

  std::vector<Item> read() {
    refuse_newer_format();
    const Directory d = find_directory();
    directory_ = source_.read(d.offset, static_cast<size_t>(d.size));
    end_ = d.offset;
    items_.reserve(static_cast<size_t>(d.count));
    for (uint64_t i = 0; i < d.count; ++i) items_.push_back(next());
    require(at_ == directory_.size(), "its directory holds bytes after the last header");
    require(position_ == end_, "it holds bytes between the last entry and the directory");
    require(!items_.empty(), "it has no entries");
    const Item &format = items_.front();
    require(format.size == format_text.size() && source_.read(format.start, format_text.size()) == format_text,
            "its entry 'format' does not say mrun-bundle 1");
    return std::move(items_);
  }

 private:
  template <class... A>
  void require(bool holds, fmt::format_string<A...> format, A &&...args) const {
    if (!holds) refuse(fmt::format(format, std::forward<A>(args)...));
  }
  [[noreturn]] void refuse(const std::string &why) const {
    fail(MRUN_BUNDLE, "{}: not a bundle, or damaged: {}", printable(source_.name()), why);
  }

  void refuse_other(std::string_view head) const {
    const auto last = static_cast<size_t>(std::min<uint64_t>(source_.size(), 65536));
    const std::string tail = source_.read(source_.size() - last, last);
    const std::string what = other_than_bundle(source_.name(), head, tail);
    if (!what.empty()) fail(MRUN_BUNDLE, "{}: {}", printable(source_.name()), what);
  }

  // A later format may change all else, but not that its first entry is 'format' at these places.
  void refuse_newer_format() const {
    constexpr size_t name_at = local_size, text_at = 64, longest = 10;
    constexpr std::string_view name = "format", text = "mrun-bundle ";
    const std::string head = source_.read(0, static_cast<size_t>(std::min<uint64_t>(source_.size(), 128)));
    if (head.size() < name_at + name.size() || head.compare(name_at, name.size(), name) != 0) refuse_other(head);
    if (head.size() < text_at + text.size() + 2 || head.compare(name_at, name.size(), name) != 0 ||
        head.compare(text_at, text.size(), text) != 0) {
      return;
    }
    const std::string number = head.substr(text_at + text.size(), longest);
    const size_t digits = number.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string::npos || number[digits] != '\n' || number.starts_with("0") ||
        number.starts_with("1\n")) {
      return;
    }
    fail(MRUN_BUNDLE, "{}: is of bundle format {}, this mrun reads format 1; a newer mrun is wanted",
         printable(source_.name()), number.substr(0, digits));
  }

  // Rules 1 to 3.
  Directory find_directory() const {
    const uint64_t total = source_.size();
    require(total >= end_size, "{} too few", counted(total, "byte is", "bytes are"));
    uint64_t end = total - end_size;
    const std::string record = source_.read(end, end_size);
    require(get<uint32_t>(record, 0) == end_signature && get<uint16_t>(record, 20) == 0,
            "it does not end with an end record: cut off, or followed by other bytes");
    Directory d{get<uint16_t>(record, 10), get<uint32_t>(record, 12), get<uint32_t>(record, 16)};
    if (d.count == ones16 || d.size == ones32 || d.offset == ones32) {
      constexpr size_t both = end64_size + locator_size;
      require(end >= both, "its ZIP64 end record is missing");
      const std::string wide = source_.read(end - both, both);
      d = {get<uint64_t>(wide, 32), get<uint64_t>(wide, 40), get<uint64_t>(wide, 48)};
      end -= both;
    }
    require(d.count <= max_entries, "it claims {} entries; at most {} are allowed", d.count, max_entries);
    require(d.size <= max_directory, "its directory claims {} bytes; at most {} are allowed", d.size, max_directory);
    require(d.size <= end && d.offset == end - d.size, "its directory does not end where the end record begins");
    require((central_size + 1) * d.count <= d.size, "its directory is too short for {} entries", d.count);
    // Every other byte of the records follows from these three numbers.
    const std::string wanted = end_records(d.count, d.size, d.offset);
    require(wanted.size() == total - end && source_.read(end, wanted.size()) == wanted,
            "its end record is not the one that belongs to its directory");
    return d;
  }

  // Rules 4 to 10.
  Item next() {
    const std::string_view rest = std::string_view(directory_).substr(at_);
    require(rest.size() >= central_size && get<uint32_t>(rest, 0) == central_signature,
            "byte {} of its directory begins no header", at_);
    const size_t name_size = get<uint16_t>(rest, 28), extra_size = get<uint16_t>(rest, 30);
    require(name_size >= 1 && name_size <= max_name && extra_size <= max_central_extra &&
                rest.size() - central_size >= name_size + extra_size,
            "the header at byte {} of its directory has impossible lengths", at_);
    Item item;
    item.name = rest.substr(central_size, name_size);
    require(good_name(item.name), "'{}' is no portable name", printable(item.name));
    item.crc = get<uint32_t>(rest, 16);
    read_numbers(item, rest, rest.substr(central_size + name_size, extra_size));
    const std::string_view header = rest.substr(0, central_size + name_size + extra_size);
    require(header == central_header(item.name, item.size, item.crc, item.header),
            "{}: its header in the directory is not as mrun writes it (compressed, encrypted, or with other fields)",
            item.name);
    check_name(item.name);
    place(item);
    at_ += header.size();
    return item;
  }

  void read_numbers(Item &item, std::string_view header, std::string_view extra) const {
    item.size = get<uint32_t>(header, 24);
    item.header = get<uint32_t>(header, 42);
    const bool big = item.size == ones32, far = item.header == ones32;
    if (!big && !far) return;
    const size_t wanted = 4 + (big ? 16 : 0) + (far ? 8 : 0);
    require(extra.size() == wanted, "{}: its ZIP64 field has {} bytes, {} are wanted", item.name, extra.size(), wanted);
    if (big) item.size = get<uint64_t>(extra, 4);
    if (far) item.header = get<uint64_t>(extra, big ? 20 : 4);
  }

  void check_name(const std::string &name) {
    if (items_.empty()) {
      require(name == "format", "its first entry is {}, not 'format'", name);
    } else {
      require(canonical_less(items_.back().name, name), "{}: stands twice, or after {} and so out of order", name,
              items_.back().name);
    }
    const std::string conflict = names_.add(name);
    require(conflict.empty(), "{}", conflict);
  }

  // Entries lie one after the other, so that neither a hole nor an overlap can be. Subtractions: position_ <= end_
  // holds always; the first line gives header < end_, the second header + h <= end_.
  void place(Item &item) {
    require(item.header == position_ && position_ < end_, "{}: lies at byte {}, {} is wanted: a hole or an overlap",
            item.name, item.header, position_);
    const std::string wanted = local_header(item.name, item.size, item.crc, item.header);
    require(wanted.size() <= end_ - item.header, "{}: its header passes the directory", item.name);
    require(source_.read(item.header, wanted.size()) == wanted, "{}: its local header differs from the directory's",
            item.name);
    item.start = item.header + wanted.size();
    require(item.size <= end_ - item.start, "{}: its {} the directory", item.name,
            counted(item.size, "byte passes", "bytes pass"));
    position_ = item.start + item.size;
  }

  const Source &source_;
  std::string directory_;
  size_t at_ = 0;          // in directory_
  uint64_t position_ = 0;  // end of the last payload
  uint64_t end_ = 0;       // where the directory begins
  std::vector<Item> items_;
  NameSet names_;
};

}  // namespace

Container::Container(std::shared_ptr<const Source> source) : source_(std::move(source)) {
  items_ = DirectoryReader(*source_).read();
  for (const Item &item : items_) by_name_.emplace(item.name, &item);
  read_lock();
}

const Item *Container::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

// Rule 12.
void Container::read_lock() {
  const std::string where = printable(source_->name()) + ": bundle.lock";
  const Item *item = find("bundle.lock");
  if (item == nullptr) fail(MRUN_BUNDLE, "{}: is missing", where);
  if (item->size > max_lock) fail(MRUN_BUNDLE, "{}: {} bytes; at most {} are allowed", where, item->size, max_lock);
  lock_bytes_ = source_->read(item->start, static_cast<size_t>(item->size));
  if (crc32(lock_bytes_) != item->crc) fail(MRUN_BUNDLE, "{}: damaged: its CRC differs", where);
  lock_ = decode_lock(lock_bytes_, where);
  check_signature_entry();
  size_t listed = 0;
  for (const Item &i : items_) {
    if (i.name == "bundle.lock" || i.name == "bundle.sig") continue;
    const auto entry = lock_.entries.find(i.name);
    if (entry == lock_.entries.end()) fail(MRUN_BUNDLE, "{}: does not list {}, which is in the file", where, i.name);
    if (entry->second.size != i.size) {
      fail(MRUN_BUNDLE, "{}: says that {} has {}, it has {}", where, i.name, counted(entry->second.size, "byte"),
           i.size);
    }
    ++listed;
  }
  if (listed == lock_.entries.size()) return;
  for (const auto &[name, entry] : lock_.entries) {
    if (find(name) == nullptr) fail(MRUN_BUNDLE, "{}: lists {}, which is not in the file", where, name);
  }
}

namespace {
[[noreturn]] void fail_hash(const Source &source, const Item &item) {
  fail(MRUN_VERIFY, "{}: {} is damaged or was changed: its SHA-256 is not the one in bundle.lock",
       printable(source.name()), item.name);
}
}  // namespace

std::string Container::checked_text(const Item &item, const std::string &sha256) const {
  std::string bytes = source_->read(item.start, static_cast<size_t>(item.size));
  if (crc32(bytes) != item.crc || sha256_hex(bytes) != sha256) fail_hash(*source_, item);
  return bytes;
}

// No lock covers bundle.sig; whether its signatures hold is for whoever has keys to say.
void Container::check_signature_entry() const {
  const Item *item = find("bundle.sig");
  if (item == nullptr) return;
  const std::string where = printable(source_->name()) + ": bundle.sig";
  if (item->size > max_signature)
    fail(MRUN_BUNDLE, "{}: {} bytes; at most {} are allowed", where, item->size, max_signature);
  if (crc32(source_->read(item->start, static_cast<size_t>(item->size))) != item->crc) {
    fail(MRUN_BUNDLE, "{}: damaged: its CRC differs", where);
  }
}

Tensor Container::checked(const Item &item, const std::string &sha256) const {
  Tensor bytes = Tensor::empty(dtype::uint8, {static_cast<int64_t>(item.size)});
  source_->read(item.start, bytes.data<char>(), static_cast<size_t>(item.size));
  if (crc32(bytes.bytes()) != item.crc || sha256_hex(bytes.bytes()) != sha256) fail_hash(*source_, item);
  return bytes.read_only();
}

void Container::check(const Item &item, const std::string &sha256) const {
  Sha256 hash;
  uint32_t crc = 0;
  for_chunks(*source_, item.start, item.size, [&](std::string_view bytes) {
    hash.update(bytes);
    crc = crc32(bytes, crc);
  });
  if (crc != item.crc || hash.hex() != sha256) fail_hash(*source_, item);
}

void Container::check_all() const {
  for (const Item &item : items_) {
    const auto entry = lock_.entries.find(item.name);
    if (entry != lock_.entries.end()) check(item, entry->second.sha256);
  }
}

std::optional<std::string> Container::signatures() const {
  const Item *item = find("bundle.sig");
  if (item == nullptr) return std::nullopt;
  return source_->read(item->start, static_cast<size_t>(item->size));
}

}  // namespace mrun
