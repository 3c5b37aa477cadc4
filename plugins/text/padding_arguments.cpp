#include "padding_arguments.h"

namespace text {
namespace {

// true, "longest", "max_length" or a number: nothing for the longest.
std::optional<uint32_t> length_of(const mrun_value &v, const PaddingGiven &given) {
  if (v.kind == MRUN_BOOL) return std::nullopt;
  if (mrun::kind<int64_t>::is(v))
    return count_of(v.kind == MRUN_INT ? v.as.integer : int64_t(v.as.number), "padding", max_padding);
  const std::string_view name =
      v.kind == MRUN_STRING ? std::string_view(v.as.string.data, v.as.string.size) : std::string_view();
  if (name == "longest") return std::nullopt;
  if (name != "max_length")
    mrun::refuse("padding: wanted true, \"longest\", \"max_length\" or a number of tokens, got " +
                 (name.empty() ? mrun::came_text(v) : '"' + std::string(name) + '"'));
  if (!given.max_length) mrun::refuse("padding to max_length: there is no max_length");
  return count_of(*given.max_length, "padding", max_padding);
}

}  // namespace

uint32_t count_of(int64_t n, const char *what, int64_t most) {
  if (n < 0 || n > most)
    mrun::refuse(std::string(what) + " is " + std::to_string(n) + "; wanted a count of tokens" +
                 (n > most ? ", at most " + std::to_string(most) : ""));
  return uint32_t(n);
}

bool is_left_side(const std::string &name, const char *what) {
  if (name != "left" && name != "right")
    mrun::refuse(std::string(what) + ": wanted \"left\" or \"right\", got \"" + name + '"');
  return name == "left";
}

std::optional<Padding> padding_of(const PaddingAsked &a, const PaddingGiven &given) {
  if (a.is_unwanted() || (!a.padding && !a.multiple_of && !a.side && !a.pad_token)) return std::nullopt;
  if (!given.file && !a.padding)
    mrun::refuse("pad_to_multiple_of, padding_side and pad_token need padding, as the tokenizer itself has none");
  Padding p = given.file.value_or(Padding());
  if (a.pad_token || !given.file) {
    p.piece = a.pad_token ? *a.pad_token : given.usual_token();
    const auto id = given.id(p.piece);
    if (!id) mrun::refuse("pad_token: the tokenizer has no token \"" + p.piece + '"');
    p.id = uint32_t(*id);
  }
  if (a.padding) p.length = length_of(*a.padding, given);
  if (a.multiple_of) p.multiple_of = count_of(*a.multiple_of, "pad_to_multiple_of", max_padding);
  if (a.side) p.left = is_left_side(*a.side, "padding_side");
  return p;
}

}  // namespace text
