// Sets of code points.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

namespace text::unicode {

inline constexpr char32_t code_points = 0x110000;

struct Range {
  char32_t first, end;  // half open
  bool operator==(const Range &) const = default;
  auto operator<=>(const Range &) const = default;
};

class CodeSet {
 public:
  CodeSet() = default;
  CodeSet(std::initializer_list<Range> ranges) : CodeSet(std::vector<Range>(ranges)) {}
  explicit CodeSet(std::vector<Range> ranges);

  static CodeSet all() { return {{0, code_points}}; }
  static CodeSet one(char32_t c) { return {{c, c + 1}}; }

  // In order, neither empty nor touching.
  const std::vector<Range> &ranges() const & { return ranges_; }
  std::vector<Range> ranges() && { return std::move(ranges_); }
  bool empty() const { return ranges_.empty(); }
  bool contains(char32_t c) const;
  size_t size() const;

  CodeSet operator|(const CodeSet &) const;
  CodeSet operator&(const CodeSet &) const;
  CodeSet operator~() const;
  CodeSet operator-(const CodeSet &other) const { return *this & ~other; }
  bool operator==(const CodeSet &) const = default;
  bool operator<(const CodeSet &other) const { return ranges_ < other.ranges_; }

 private:
  std::vector<Range> ranges_;
};

// Collects what becomes one set: a union for each part would take the time of all parts before it.
class CodeSetBuilder {
 public:
  void add(Range r) { ranges_.push_back(r); }
  void add(const CodeSet &);
  CodeSet take();  // and is empty

 private:
  std::vector<Range> ranges_;
  size_t most_ = 4096;  // beyond which the ranges are joined, so that sets that come again and again stay one
};

}  // namespace text::unicode
