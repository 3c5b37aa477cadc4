// Where a .mb file's bytes come from: a descriptor or memory. Immutable, any thread.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "value/tensor.h"

namespace mrun {

class Source {
 public:
  virtual ~Source() = default;
  uint64_t size() const { return size_; }
  const std::string &name() const { return name_; }  // for messages
  // Copies n bytes. Throws IO where the system refuses, BUNDLE where the file has become shorter.
  virtual void read(uint64_t offset, char *out, size_t n) const = 0;
  std::string read(uint64_t offset, size_t n) const;
  // Bytes where they are, kept alive by the tensor (uint8, 1-D). Writable: a private copy-on-write mapping of a file, a
  // copy of memory. offset is a multiple of 64, of 4096 where writable.
  virtual Tensor map(uint64_t offset, size_t n, bool writable) const = 0;
  // The bytes are not wanted again soon: the system need not keep them in memory.
  virtual void forget(uint64_t /*offset*/, uint64_t /*n*/) const {}
  // The descriptor, or -1.
  virtual int fd() const { return -1; }

 protected:
  Source(std::string name, uint64_t size) : name_(std::move(name)), size_(size) {}

 private:
  const std::string name_;
  const uint64_t size_;
};

// Memory to read a file into. It begins with a page: some processors copy several times slower to where a large block
// of malloc's begins, 16 bytes behind a page's start, from where the kernel has the file.
class PageBuffer {
 public:
  explicit PageBuffer(size_t size);
  char *data() const { return data_.get(); }
  std::string_view bytes(size_t n) const { return {data_.get(), n}; }

 private:
  std::unique_ptr<char, void (*)(void *)> data_;
};

std::shared_ptr<const Source> file_source(UniqueFd fd, std::string name);
// release is called once, when nothing uses the memory any more, or when this throws.
std::shared_ptr<const Source> memory_source(const void *data, size_t size, std::function<void()> release);

std::string sha256_of(const Source &);  // of all of it
// read(offset, chunk) over a range in pieces that stay in the cache.
void for_chunks(const Source &, uint64_t offset, uint64_t n, const std::function<void(std::string_view)> &);

}  // namespace mrun
