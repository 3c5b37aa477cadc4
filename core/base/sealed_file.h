// SealedFile: what a large file held when it was read, in memory that nobody can change any more. The system copies it
// there, once, and a worker process can be handed it as it is. Immutable object, any thread.
#pragma once
#include "base/file.h"

namespace mrun {

// Bytes that a file of this process may have. A larger one ends the process (SIGXFSZ), one that is memory, too.
uint64_t largest_file();

class SealedFile {
 public:
  static constexpr size_t least = size_t{1} << 20;  // bytes of a file for which it pays
  static constexpr int most = 64;                   // of a process at once: each has a descriptor open
  // From the file's beginning to its end. Null where read_all is the way: a smaller file, no regular one, as many as may be,
  // or a system that gives no such memory, no descriptor, or does not copy by itself. Throws what reading does.
  static std::shared_ptr<const SealedFile> read(int fd, std::string_view name);
  // Of the memory that these bytes fill, all of it; -1: none.
  static int descriptor_of(std::string_view bytes);
  ~SealedFile();
  SealedFile(const SealedFile &) = delete;
  SealedFile &operator=(const SealedFile &) = delete;

  void *data() const { return map_->data(); }  // a private mapping, which may be written
  size_t size() const { return map_->size(); }

 private:
  SealedFile(UniqueFd, std::shared_ptr<const FileMap>);
  const UniqueFd fd_;
  const std::shared_ptr<const FileMap> map_;
};

}  // namespace mrun
