// The wire: values, errors and numbers as bytes, for what crosses processes. A message is its version and a row of
// parts, read in the order and by the types in which they were written. It holds no addresses: tensors travel by dtype,
// shape and elements (row-major, from a multiple of 64 bytes on), and objects and functions not at all.
//
// A message from another process is hostile until it is read: every length, count, shape, dtype, code and text is
// checked, nothing is allocated in proportion to a number that the bytes behind it do not bear out, and whatever is
// wrong is PROTOCOL.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "value/tensor.h"

namespace mrun {

inline constexpr uint32_t wire_version = 1;  // both ends have the same
inline constexpr size_t wire_depth = 1000;   // levels of lists and maps

class WireWriter {
 public:
  WireWriter();
  WireWriter &number(double);
  WireWriter &integer(int64_t);
  WireWriter &text(std::string_view);  // what is no UTF-8 is escaped
  // Throws USAGE for objects, functions, strings that are no UTF-8, tensors that are not the CPU's and what is nested
  // too deep; the message is then to be thrown away.
  WireWriter &value(const Value &);
  WireWriter &error(const Error &);
  std::string finish() { return std::move(out_); }

 private:
  void string(std::string_view);
  void tensor(const Tensor &);
  void nested(const Value &, size_t depth);
  std::string out_;
};

class WireReader {
 public:
  // message: 1-D uint8; its tensors are views of it and keep it alive. `sender` begins the errors' texts.
  WireReader(const Tensor &message, std::string sender);
  double number();
  int64_t integer();
  std::string text();
  Value value();
  Error error();
  void finish() const;  // throws where something is left

 private:
  void want(uint8_t part);
  std::string_view string();
  Value tensor();
  Value nested(size_t depth);
  [[noreturn]] void refuse(const std::string &what) const;
  Tensor message_;
  std::string sender_;
  ByteReader in_;
};

}  // namespace mrun
