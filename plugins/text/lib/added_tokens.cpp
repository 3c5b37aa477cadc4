#include "added_tokens.h"

#include <algorithm>

#include "polling.h"
#include "unicode.h"

namespace text {

AddedTokens::AddedTokens(const Json &list, const Vocabulary &vocabulary, const Normalizer *normalizer) {
  if (!list.is_array()) bad_config("\"added_tokens\" is not a list");
  uint32_t highest = 0;
  for (const Json &j : list) {
    const std::string &content = string_member(j, "content");
    if (content.empty() || by_content_.contains(content)) continue;
    const auto size = uint32_t(vocabulary.size());
    const uint32_t *known = vocabulary.id(content);
    const uint32_t id = known ? *known : tokens_.empty() || (highest < size && size > 0) ? size : highest + 1;
    highest = std::max(highest, id);
    by_content_.emplace(content, int(tokens_.size()));
    by_id_.insert_or_assign(id, int(tokens_.size()));
    const bool special = bool_member(j, "special", false);
    tokens_.push_back({content, content, id, bool_member(j, "single_word", false), bool_member(j, "lstrip", false),
                       bool_member(j, "rstrip", false), bool_member(j, "normalized", !special), special});
  }
  for (size_t i = 0; i < tokens_.size(); ++i) {
    AddedToken &t = tokens_[i];
    if (!t.normalized) {
      add_to(before_, t.content, int(i));
      continue;
    }
    Normalized n(t.content, 0, false);
    if (normalizer) normalizer->run(n);
    t.piece = n.bytes;
    add_to(behind_, n.bytes, int(i));
  }
}

void AddedTokens::add_to(Finder &f, std::string_view pattern, int token) {
  if (pattern.empty()) return;
  if (!f.used) f.root = f.trie.add_root();
  f.used = true;
  const uint32_t node = f.trie.insert(f.root, pattern);
  f.token.resize(f.trie.size(), -1);
  if (f.token[node] < 0) f.token[node] = token;
  f.first[static_cast<unsigned char>(pattern[0])] = true;
}

int AddedTokens::longest(const Finder &f, std::string_view s, size_t at, size_t &end) {
  int found = -1;
  uint32_t node = f.root;
  size_t i = at;
  for (; i < s.size(); ++i) {
    node = f.trie.child(node, static_cast<unsigned char>(s[i]));
    if (node == Trie::none) break;
    if (f.token[node] < 0) continue;
    found = f.token[node];
    end = i + 1;
  }
  Polling::steps(i - at);
  return found;
}

void AddedTokens::cut(std::string_view s, bool normalized, bool special, std::vector<Part> &out) const {
  const Finder &f = normalized ? behind_ : before_;
  size_t done = 0;
  for (size_t at = 0; f.used && at < s.size();) {
    if (!f.first[static_cast<unsigned char>(s[at])]) {
      ++at;
      continue;
    }
    size_t begin = at, end = at;
    const int found = longest(f, s, at, end);
    if (found < 0) {
      ++at;
      continue;
    }
    at = end;
    const AddedToken &t = tokens_[size_t(found)];
    if (t.special && !special) continue;
    if (t.single_word) {
      size_t before = begin, behind = end;
      const bool word_before = begin > 0 && (char_class(utf8_previous(s, before)) & class_word);
      const bool word_behind = end < s.size() && (char_class(utf8_next(s, behind)) & class_word);
      if (word_before || word_behind) continue;
    }
    // As in the peer: a token may begin inside the white space that the one before took, and be left out where it takes
    // white space itself; what is behind it is then text again.
    if (t.lstrip) begin = std::max(begin, done);
    if (t.lstrip)
      for (size_t p = begin; p > done && is_space(utf8_previous(s, p));) begin = p;
    if (t.rstrip)
      for (size_t p = end; p < s.size() && is_space(utf8_next(s, p));) end = p;
    if (done < begin) out.push_back({nullptr, uint32_t(done), uint32_t(begin)});
    if (begin < end) out.push_back({&t, uint32_t(begin), uint32_t(end)});
    done = end;
  }
  if (done < s.size()) out.push_back({nullptr, uint32_t(done), uint32_t(s.size())});
}

const AddedToken *AddedTokens::find(std::string_view content) const {
  auto it = by_content_.find(content);
  return it == by_content_.end() ? nullptr : &tokens_[size_t(it->second)];
}

const AddedToken *AddedTokens::find(uint32_t id) const {
  auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &tokens_[size_t(it->second)];
}

size_t AddedTokens::beyond(const Vocabulary &vocabulary) const {
  size_t n = 0;
  for (const AddedToken &t : tokens_) n += !vocabulary.id(t.content);
  return n;
}

size_t AddedTokens::id_end() const {
  size_t end = 0;
  for (const AddedToken &t : tokens_) end = std::max(end, size_t(t.id) + 1);
  return end;
}

}  // namespace text
