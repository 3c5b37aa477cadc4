// The wire: values, errors and numbers as bytes, for what crosses processes. A message is its version and a row of
// parts, read in the order and by the types in which they were written. It holds no addresses: tensors travel by dtype,
// shape and elements (row-major, from a multiple of 64 bytes on), and objects and functions not at all.
//
// A message from another process is hostile until it is read: every length, count, shape, dtype, code and text is
// checked, nothing is allocated in proportion to a number that the bytes behind it do not bear out, and whatever is
// wrong is PROTOCOL.
//
// Large tensors may travel beside the message: their elements then lie one after the other, each from a multiple of 64
// bytes on, in a memory that the two ends share.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "value/tensor.h"

namespace mrun {

inline constexpr uint32_t wire_version = 1;  // both ends have the same
inline constexpr size_t wire_depth = 1000;   // levels of lists and maps
// Of a message from a worker: a value takes one byte there and 32 or more here. A script's value has at most a quarter.
inline constexpr size_t wire_values = 8'000'000;

class WireWriter {
 public:
  // Tensors of at least `beside` bytes are left out of the message: see beside().
  explicit WireWriter(size_t beside = SIZE_MAX);
  WireWriter &number(double);
  WireWriter &integer(int64_t);
  WireWriter &text(std::string_view);  // what is no UTF-8 is escaped
  // Throws USAGE for objects, functions, strings that are no UTF-8, tensors that are not the CPU's and what is nested
  // too deep; the message is then to be thrown away.
  WireWriter &value(const Value &);
  WireWriter &error(const Error &);  // of code OK, as of nearly every answer, the code alone
  std::string finish() { return std::move(out_); }
  // The tensors that were left out, row-major, and the bytes that they take beside the message.
  const std::vector<Tensor> &beside() const { return beside_; }
  size_t beside_size() const { return beside_size_; }
  static size_t aligned(size_t position) { return (position + 63) / 64 * 64; }

 private:
  void string(std::string_view);
  void tensor(const Tensor &);
  void nested(const Value &, size_t depth);
  std::string out_;
  const size_t beside_from_;
  std::vector<Tensor> beside_;
  size_t beside_size_ = 0;
};

class WireReader {
 public:
  // message, beside: 1-D uint8; tensors are views of them and keep them alive. `sender` begins the errors' texts, and must
  // outlive this. most_values: with those in lists and maps.
  WireReader(const Tensor &message, std::string_view sender, Tensor beside = {}, size_t most_values = SIZE_MAX);
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
  Tensor elements(bool apart, DLDataType, const Shape &, size_t bytes);
  Value nested(size_t depth);
  [[noreturn]] void refuse(const std::string &what) const;
  Tensor message_, beside_;
  size_t beside_at_ = 0;
  size_t values_left_;
  std::string_view sender_;
  ByteReader in_;
};

}  // namespace mrun
