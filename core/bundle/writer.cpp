#include "bundle/writer.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/hash.h"
#include "base/text.h"
#include "bundle/names.h"

namespace mrun {
namespace fs = std::filesystem;
namespace {

constexpr uint64_t block = 4096;                     // what file systems share
constexpr uint64_t step = uint64_t{128} << 10;       // two of them stay in a core's own cache
constexpr uint64_t flush_step = uint64_t{32} << 20;  // so that the disk works while the rest is read

bool canonical_order(const std::string *a, const std::string *b) { return canonical_less(*a, *b); }

// Clones whole blocks. False where the file system cannot; then nothing was written.
bool clone_range(int from, uint64_t start, int to, uint64_t at, uint64_t size) {
  file_clone_range range{};
  range.src_fd = from;
  range.src_offset = start;
  range.src_length = size;
  range.dest_offset = at;
  return ::ioctl(to, FICLONERANGE, &range) == 0;
}

}  // namespace

fs::path real_bundle(const fs::path &path) {
  std::error_code error;
  fs::path real = fs::canonical(path, error);
  if (!error) return real;
  open_file(path, MRUN_BUNDLE);
  fail_errno(error.value(), path.native(), "find where it lies");
}

UniqueFd open_locked(const fs::path &path) {
  for (;;) {
    UniqueFd fd = open_file(path, MRUN_BUNDLE);
    int result;
    do result = ::flock(fd.get(), LOCK_EX);
    while (result != 0 && errno == EINTR);
    if (result != 0) fail_errno(errno, path.native(), "lock");
    struct stat held = {}, there = {};
    if (::fstat(fd.get(), &held) != 0) fail_errno(errno, path.native(), "read its status");
    if (::stat(path.c_str(), &there) == 0 && held.st_ino == there.st_ino && held.st_dev == there.st_dev) return fd;
  }
}

std::shared_ptr<const Source> content_source(const Content &content) {
  if (const auto *path = std::get_if<fs::path>(&content)) {
    return file_source(open_file(*path, MRUN_MISSING), path->native());
  }
  const auto *text = std::get_if<std::string>(&content);
  const std::string_view bytes = text != nullptr ? std::string_view(*text) : std::get<Tensor>(content).bytes();
  return memory_source(bytes.data(), bytes.size(), nullptr);
}

void ContainerWriter::write_at(uint64_t offset, std::string_view bytes) {
  if (stopped_) fail(MRUN_CANCELLED, "{}: writing was stopped", printable(name_));
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(errno, name_, "write");
    offset += static_cast<uint64_t>(n);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

void ContainerWriter::write(std::string_view bytes) {
  write_at(position_, bytes);
  position_ += bytes.size();
  if (position_ < flushed_ + flush_step) return;
  // Whether that was possible does not matter: the end is fsync's.
  ::sync_file_range(fd_, static_cast<off_t>(flushed_), static_cast<off_t>(position_ - flushed_), SYNC_FILE_RANGE_WRITE);
  flushed_ = position_;
}

void ContainerWriter::sync() {
  if (::fdatasync(fd_) != 0) fail_errno(errno, name_, "write it to the disk");
}

void ContainerWriter::record(const std::string &name, uint64_t size, uint32_t crc, uint64_t header) {
  directory_ += central_header(name, size, crc, header);
  if (++count_ > max_entries || directory_.size() > max_directory) {
    fail(MRUN_BUNDLE, "{}: too many files: at most {} entries and {} bytes of directory are allowed", printable(name_),
         max_entries, max_directory);
  }
}

LockEntry ContainerWriter::add(const std::string &name, const Content &content) {
  LockEntry entry;
  const auto source = content_source(content);
  entry.size = source->size();
  const uint64_t header = position_;
  position_ += local_header(name, entry.size, 0, header).size();
  Sha256 hash;
  uint32_t crc = 0;
  for_chunks(*source, 0, entry.size, [&](std::string_view bytes) {
    write(bytes);
    hash.update(bytes);
    crc = crc32(bytes, crc);
  });
  // The length of a header does not depend on the CRC, which is known now.
  write_at(header, local_header(name, entry.size, crc, header));
  record(name, entry.size, crc, header);
  entry.sha256 = hash.hex();
  return entry;
}

bool ContainerWriter::add_range(const Item &item, const Source &from, const Source *same) {
  const uint64_t header = position_;
  write(local_header(item.name, item.size, item.crc, header));
  const uint64_t blocks = item.size / block * block;
  const bool aligned = item.start % block == 0 && position_ % block == 0 && blocks > 0;
  const bool can_clone = aligned && from.fd() >= 0 && clone_range(from.fd(), item.start, fd_, position_, blocks);
  const uint64_t cloned = can_clone ? blocks : 0;
  const PageBuffer bytes(std::min(item.size, step)), other(same != nullptr ? std::min(item.size, step) : 0);
  for (uint64_t done = 0, n; done < item.size; done += n) {
    n = std::min(item.size - done, step);
    const uint64_t have = std::min(n, std::max(cloned, done) - done);
    if (same != nullptr || have < n) from.read(item.start + done, bytes.data(), n);
    if (same != nullptr) {
      same->read(done, other.data(), n);
      if (std::memcmp(bytes.data(), other.data(), n) != 0) {
        position_ = header;
        flushed_ = std::min(flushed_, header);
        return false;
      }
    }
    position_ += have;
    if (have < n) write(bytes.bytes(n).substr(have));
  }
  record(item.name, item.size, item.crc, header);
  return true;
}

ContainerWriter::End ContainerWriter::finish(const Lock &lock, const std::string &signatures) {
  const std::string bytes = encode_lock(lock);
  const std::string where = printable(name_) + ": bundle.lock";
  if (bytes.size() > max_lock) fail(MRUN_BUNDLE, "{}: would pass {} bytes", where, max_lock);
  decode_lock(bytes, where);
  add("bundle.lock", bytes);
  if (signatures.size() > max_signature) {
    fail(MRUN_BUNDLE, "{}: bundle.sig: would pass {} bytes", printable(name_), max_signature);
  }
  if (!signatures.empty()) add("bundle.sig", signatures);
  const uint64_t offset = position_;
  write(directory_);
  write(end_records(count_, directory_.size(), offset));
  return {sha256_hex(bytes), position_};
}

void check_names(const Contents &contents) {
  NameSet names;
  for (const auto &[name, content] : contents) {
    if (!good_name(name)) fail(MRUN_BUNDLE, "{}: {}", printable(name), name_rule);
    if (is_machinery(name)) fail(MRUN_BUNDLE, "{}: is a name of the container's own entries", name);
    if (const std::string conflict = names.add(name); !conflict.empty()) fail(MRUN_BUNDLE, "{}", conflict);
  }
}

Written write_bundle(const fs::path &path, const Contents &contents, Lock lock,
                     const std::function<void(int fd)> &prove) {
  check_names(contents);
  Contents all = contents;
  all.emplace("format", std::string(format_text));
  std::vector<const std::string *> order;
  for (const auto &[name, content] : all) order.push_back(&name);
  std::sort(order.begin(), order.end(), canonical_order);
  Written written;
  write_file_atomic(path, [&](int fd) {
    ContainerWriter writer(fd, path.native());
    lock.entries.clear();
    for (const std::string *name : order) lock.entries[*name] = writer.add(*name, all.find(*name)->second);
    ContainerWriter::End end = writer.finish(lock);
    written.digest = std::move(end.digest);
    written.size = end.size;
    if (prove) prove(fd);
  });
  written.lock = std::move(lock);
  return written;
}

}  // namespace mrun
