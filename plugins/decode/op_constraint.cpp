#include "constraint_object.h"
#include "wrap.h"

namespace decode {
namespace {

Spelling spelling_of(const std::string &name) {
  if (name == "plain") return Spelling::plain;
  if (name == "sentencepiece") return Spelling::sentencepiece;
  if (name == "byte_level") return Spelling::byte_level;
  if (name == "wordpiece") return Spelling::wordpiece;
  mrun::refuse("decode.pieces: spelling: want plain, sentencepiece, byte_level or wordpiece, got \"" + name + "\"");
}

std::unique_ptr<PiecesObject> pieces(const mrun::call &c, const std::vector<std::string> &spelled,
                                     const std::string &spelling, std::vector<std::string> first,
                                     std::vector<std::string> later) {
  constexpr int64_t bytes_a_piece = 160;  // its texts, and its place in two orders
  c.charge(static_cast<int64_t>(spelled.size()) * bytes_a_piece);
  if (!first.empty() || !later.empty()) {
    if (first.size() != spelled.size() || later.size() != spelled.size())
      mrun::refuse("decode.pieces: first, later: want a text for each of " + std::to_string(spelled.size()) +
                   " pieces, got " + std::to_string(first.size()) + " and " + std::to_string(later.size()));
    return std::make_unique<PiecesObject>(
        PiecesObject{std::make_shared<const Pieces>(spelled, std::move(first), std::move(later))});
  }
  return std::make_unique<PiecesObject>(PiecesObject{std::make_shared<const Pieces>(spelled, spelling_of(spelling))});
}

// choices: texts, or lists of tokens.
Constraint of_choices(const mrun::call &c, const mrun_value &choices, PiecesObject *pieces) {
  if (choices.kind == MRUN_LIST && choices.as.list.size == 0)
    mrun::refuse("decode.constraint: choices: want at least one, got an empty list");
  if (mrun::kind<std::vector<std::string>>::is(choices)) {
    if (pieces == nullptr)
      mrun::refuse("decode.constraint: choices: texts need a tokenizer; lists of tokens need none");
    return {compile_texts(mrun::kind<std::vector<std::string>>::from(c, choices), "constrain: choices"), pieces->pieces,
            [&] { c.poll(); }};
  }
  if (choices.kind != MRUN_LIST) {
    mrun::refuse("decode.constraint: choices: want a list of texts, or of lists of tokens, got " +
                 mrun::came_text(choices));
  }
  std::vector<std::vector<int64_t>> lists;
  for (size_t i = 0; i < choices.as.list.size; ++i) {
    lists.push_back(
        integers_of(c, choices.as.list.items[i], "decode.constraint: choices[" + std::to_string(i + 1) + "]"));
  }
  return {std::move(lists), [&] { c.poll(); }};
}

std::unique_ptr<ConstraintObject> constraint(const mrun::call &c, PiecesObject *pieces,
                                             const std::optional<std::string> &regex, const mrun::value &choices) {
  if (regex.has_value() == !choices.is_nil()) mrun::refuse("decode.constraint: give either regex or choices");
  if (regex && pieces == nullptr)
    mrun::refuse("decode.constraint: regex: needs a tokenizer, whose pieces make the text");
  return translated("decode.constraint", [&] {
    const auto poll = [&] { c.poll(); };
    auto made = regex ? std::make_shared<const Constraint>(compile_regex(*regex, poll), pieces->pieces, poll)
                      : std::make_shared<const Constraint>(of_choices(c, choices.get(), pieces));
    c.charge(static_cast<int64_t>(made->memory()));
    return std::make_unique<ConstraintObject>(ConstraintObject{std::move(made)});
  });
}

std::vector<int64_t> allowed(const mrun::call &c, const ConstraintObject &self, const mrun::value &tokens, int64_t left,
                             int64_t count) {
  if (count < 0 || count > (1 << 24))
    mrun::refuse("decode.Constraint.allowed: count: want 0 to 2^24, got " + std::to_string(count));
  c.charge(count * static_cast<int64_t>(sizeof(float)));
  int32_t state = Constraint::start;
  for (const int64_t token : integers_of(c, tokens.get(), "decode.Constraint.allowed: tokens")) {
    state = self.constraint->next(state, token);
    if (state == Automaton::dead) return {};
  }
  std::vector<float> scores(static_cast<size_t>(count), 0);
  self.constraint->mask(state, scores.data(), count, {}, left);
  std::vector<int64_t> result;
  for (int64_t t = 0; t < count; ++t) {
    if (scores[static_cast<size_t>(t)] == 0) result.push_back(t);
  }
  return result;
}

bool accepts(const mrun::call &c, const ConstraintObject &self, const mrun::value &tokens) {
  int32_t state = Constraint::start;
  for (const int64_t token : integers_of(c, tokens.get(), "decode.Constraint.accepts: tokens")) {
    state = self.constraint->next(state, token);
    if (state == Automaton::dead) return false;
  }
  return self.constraint->accepts(state);
}

}  // namespace

void add_constraint(const mrun::registrar &r) {
  r.type<PiecesObject>();
  r.type<ConstraintObject>();
  r.op<pieces>(
      "decode.pieces@1(str[] spelled, *, str spelling='plain', str[] first=[], str[] later=[]) -> decode.Pieces",
      "The bytes of a vocabulary's tokens, of which an empty one has none.\n\nfirst, later: what a tokenizer "
      "makes of each at the beginning of a text and later in it.");
  r.op<constraint>(
      "decode.constraint@1(decode.Pieces? pieces=None, *, str? regex=None, Any choices=None) -> decode.Constraint",
      "What generated tokens must make: a text that a pattern matches, or one of some texts or lists of tokens.");
  r.op<allowed>("decode.Constraint.allowed@1(decode.Constraint self, Any tokens, int left, int count) -> int[]",
                "The tokens that may follow these, of a vocabulary of count tokens, where left more may come.");
  r.op<accepts>("decode.Constraint.accepts@1(decode.Constraint self, Any tokens) -> bool",
                "Whether these tokens make what the constraint asks for.");
}

}  // namespace decode
