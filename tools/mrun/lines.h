// The lines of a file or pipe, as they come.
#pragma once
#include <string>

namespace command {

class Lines {
 public:
  // "-": standard input. `longest`: bytes of a line. Throws MRUN_USAGE where it cannot be opened.
  Lines(const std::string &path, size_t longest);
  ~Lines();
  Lines(const Lines &) = delete;
  Lines &operator=(const Lines &) = delete;

  // The next line without its end, \n or \r\n; the last one need not have any. A byte order mark is no part of the first.
  // False: no more, or an interrupt was asked for. Throws MRUN_INPUT where a line is longer than it may be.
  bool next(std::string &line);
  // All of it is there: a regular file. A pipe may stay open, with more to come.
  bool complete() const { return complete_; }
  std::string digest() const;  // SHA-256 of the whole content; of a complete one

 private:
  bool fill();  // reads on; false at the end
  void trim(std::string &line);

  const size_t longest_;
  int fd_ = -1;
  bool complete_ = false, first_ = true;
  std::string name_, buffer_;
  size_t at_ = 0;
};

}  // namespace command
