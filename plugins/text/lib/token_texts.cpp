#include "token_texts.h"

#include <cctype>
#include <string_view>

#include "budget.h"
#include "polling.h"

namespace text {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

bool is_byte_piece(const std::string &piece) {
  return piece.size() == 6 && piece.compare(0, 3, "<0x") == 0 && piece[5] == '>' &&
         std::isxdigit(static_cast<unsigned char>(piece[3])) != 0 &&
         std::isxdigit(static_cast<unsigned char>(piece[4])) != 0;
}

bool starts_with(const std::string &text, const std::string &start) {
  return text.compare(0, start.size(), start) == 0;
}

bool ends_with(const std::string &text, const std::string &end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// What stands beside a token while its text is looked at: a token that has text wherever it stands.
struct Neighbour {
  int64_t id;
  std::string alone, after;  // its text at the beginning, and behind another
};

std::optional<Neighbour> neighbour(const TokenSource &source, int64_t id, const std::string &piece,
                                   const std::string &alone) {
  if (alone.empty() || alone[0] == ' ' || alone.find(replacement) != alone.npos || is_byte_piece(piece)) {
    return std::nullopt;
  }
  const std::string twice = source.decode({id, id});
  if (twice.size() <= alone.size() || !starts_with(twice, alone)) return std::nullopt;
  return Neighbour{id, alone, twice.substr(alone.size())};
}

// The text of a token between two neighbours; `alone` where these do not show it.
std::string between(const TokenSource &source, int64_t id, const std::string &alone, const Neighbour &beside) {
  const std::string text = source.decode({beside.id, id, beside.id});
  if (text.size() < beside.alone.size() + beside.after.size() || !starts_with(text, beside.alone) ||
      !ends_with(text, beside.after)) {
    return alone;
  }
  return text.substr(beside.alone.size(), text.size() - beside.alone.size() - beside.after.size());
}

}  // namespace

TokenTexts token_texts(const TokenSource &source) {
  const auto count = static_cast<size_t>(source.id_end);
  Budget::take(3 * count * sizeof(std::string));
  TokenTexts texts{std::vector<std::string>(count), std::vector<std::string>(count), std::vector<std::string>(count)};
  std::vector<int64_t> with_text;
  std::optional<Neighbour> beside;
  for (size_t i = 0; i < count; ++i) {
    Polling::now();
    const auto id = static_cast<int64_t>(i);
    const std::optional<std::string> piece = source.piece(id);
    if (!piece) continue;
    texts.pieces[i] = *piece;
    if (id == source.unknown) continue;
    texts.first[i] = source.decode({id});
    Budget::take(piece->size() + 2 * texts.first[i].size());
    if (!beside) beside = neighbour(source, id, *piece, texts.first[i]);
    with_text.push_back(id);
  }
  for (const int64_t id : with_text) {
    Polling::now();
    const auto i = static_cast<size_t>(id);
    texts.later[i] = beside ? between(source, id, texts.first[i], *beside) : texts.first[i];
  }
  return texts;
}

}  // namespace text
