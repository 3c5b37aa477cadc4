#include "bundle/text_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

namespace mrun {
namespace {

using Lines = std::vector<std::string_view>;  // each with its newline, if it has one

constexpr size_t context = 3;
constexpr int max_edits = 2000;  // the trace takes the square of it

Lines split(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const size_t n = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, n));
    text.remove_prefix(n);
  }
  return lines;
}

struct Edit {
  char kind;    // ' ', '-' or '+'
  size_t a, b;  // positions before it
};

// The edits between a[low, a_end) and b[low, b_end), by searching for the path with the fewest, step by step.
class Myers {
 public:
  Myers(const Lines &a, const Lines &b, size_t low, size_t a_end, size_t b_end)
      : a_(a), b_(b), low_(low), n_(static_cast<int>(a_end - low)), m_(static_cast<int>(b_end - low)) {}

  std::vector<Edit> run() {
    const int limit = std::min(n_ + m_, max_edits);
    std::vector<int> furthest(static_cast<size_t>(2 * limit) + 3, 0);  // x by diagonal
    const auto at = [&](int k) -> int & { return furthest[static_cast<size_t>(k + limit + 1)]; };
    for (int d = 0; d <= limit; ++d) {
      trace_.emplace_back(&at(-d), &at(d) + 1);
      for (int k = -d; k <= d; k += 2) {
        int x = k == -d || (k != d && at(k - 1) < at(k + 1)) ? at(k + 1) : at(k - 1) + 1;
        while (x < n_ && x - k < m_ && same(x, x - k)) ++x;
        at(k) = x;
        if (x >= n_ && x - k >= m_) return walk_back(d);
      }
    }
    return replace_all();
  }

 private:
  bool same(int x, int y) const { return a_[low_ + static_cast<size_t>(x)] == b_[low_ + static_cast<size_t>(y)]; }
  Edit edit(char kind, int x, int y) const {
    return {kind, low_ + static_cast<size_t>(x), low_ + static_cast<size_t>(y)};
  }

  std::vector<Edit> walk_back(int d) const {
    std::vector<Edit> edits;
    int x = n_, y = m_;
    for (; d > 0; --d) {
      // What was known before step d: diagonals -d to d, of which those of step d - 1 were set.
      const std::vector<int> &known = trace_[static_cast<size_t>(d)];
      const auto at = [&](int k) { return known[static_cast<size_t>(k + d)]; };
      const int k = x - y;
      const bool down = k == -d || (k != d && at(k - 1) < at(k + 1));
      const int from = down ? k + 1 : k - 1;
      const int x0 = at(from), y0 = x0 - from;
      const int start = down ? x0 : x0 + 1;  // where the diagonal of this step begins
      while (x > start) edits.push_back(edit(' ', --x, --y));
      x = x0;
      y = y0;
      edits.push_back(edit(down ? '+' : '-', x, y));
    }
    while (x > 0) edits.push_back(edit(' ', --x, --y));
    std::reverse(edits.begin(), edits.end());
    return edits;
  }

  std::vector<Edit> replace_all() const {
    std::vector<Edit> edits;
    for (int x = 0; x < n_; ++x) edits.push_back(edit('-', x, 0));
    for (int y = 0; y < m_; ++y) edits.push_back(edit('+', n_, y));
    return edits;
  }

  const Lines &a_;
  const Lines &b_;
  const size_t low_;
  const int n_, m_;
  std::vector<std::vector<int>> trace_;
};

std::vector<Edit> edits_of(const Lines &a, const Lines &b) {
  size_t low = 0, a_end = a.size(), b_end = b.size();
  while (low < a_end && low < b_end && a[low] == b[low]) ++low;
  while (a_end > low && b_end > low && a[a_end - 1] == b[b_end - 1]) --a_end, --b_end;
  std::vector<Edit> edits;
  for (size_t i = 0; i < low; ++i) edits.push_back({' ', i, i});
  const std::vector<Edit> middle = Myers(a, b, low, a_end, b_end).run();
  edits.insert(edits.end(), middle.begin(), middle.end());
  for (size_t i = 0; a_end + i < a.size(); ++i) edits.push_back({' ', a_end + i, b_end + i});
  return edits;
}

// "12,3" as diff prints the place of a hunk; of no lines, the line before.
std::string range(size_t first, size_t count) {
  if (count == 1) return fmt::format("{}", first + 1);
  return fmt::format("{},{}", count == 0 ? first : first + 1, count);
}

void append_hunk(std::string &out, const std::vector<Edit> &edits, size_t from, size_t to, const Lines &a,
                 const Lines &b) {
  size_t old_lines = 0, new_lines = 0;
  for (size_t i = from; i < to; ++i) {
    old_lines += edits[i].kind != '+';
    new_lines += edits[i].kind != '-';
  }
  out += fmt::format("@@ -{} +{} @@\n", range(edits[from].a, old_lines), range(edits[from].b, new_lines));
  for (size_t i = from; i < to; ++i) {
    const Edit &e = edits[i];
    const std::string_view line = e.kind == '+' ? b[e.b] : a[e.a];
    out += e.kind;
    out += line;
    if (!line.ends_with('\n')) out += "\n\\ No newline at end of file\n";
  }
}

}  // namespace

TextDiff diff_text(std::string_view before, std::string_view after) {
  TextDiff diff;
  if (before == after) return diff;
  const Lines a = split(before), b = split(after);
  const std::vector<Edit> edits = edits_of(a, b);
  size_t i = 0;
  while (i < edits.size()) {
    if (edits[i].kind == ' ') {
      ++i;
      continue;
    }
    // A hunk goes on as long as at most twice the context lies between changes.
    const size_t from = i - std::min(i, context);
    size_t last = i;  // the last change of the hunk
    for (size_t k = i; k < edits.size() && k - last <= 2 * context + 1; ++k) {
      if (edits[k].kind != ' ') last = k;
    }
    const size_t to = std::min(last + 1 + context, edits.size());
    append_hunk(diff.unified, edits, from, to, a, b);
    i = to;
  }
  for (const Edit &e : edits) {
    diff.added += e.kind == '+';
    diff.removed += e.kind == '-';
  }
  return diff;
}

}  // namespace mrun
