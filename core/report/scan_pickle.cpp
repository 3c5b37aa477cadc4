// Pickle's opcodes, followed without running them (Python's Lib/pickletools.py describes each).
#include <algorithm>
#include <charconv>
#include <mrun/message.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "report/scan_names.h"

namespace mrun {
namespace {

// What Python can look up; the lines of a text are seldom names.
bool is_name(std::string_view dotted) {
  return std::all_of(dotted.begin(), dotted.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c < 0;
  });
}

class Pickle {
 public:
  Pickle(std::string_view bytes, const std::string &where, Findings &findings)
      : bytes_(bytes), shown_(printable(where)), in_(bytes, shown_, MRUN_INPUT), where_(where), findings_(findings) {}

  // From one STOP to behind the next. Throws where the bytes are no pickle.
  void read() {
    stack_.clear();
    memo_.clear();
    bool more = true;
    while (more) more = step(in_.get<uint8_t>());
  }
  size_t position() const { return in_.position(); }
  bool found_magic() const { return magic_; }  // of torch.save's old format
  bool imports() const { return !names_.empty(); }
  bool calls() const { return calls_; }      // what it imported
  bool strange() const { return strange_; }  // a byte that is no opcode ended it

 private:
  static constexpr size_t most = size_t{1} << 22;  // values, names: memory does not grow with the file
  static constexpr size_t longest_name = 400;      // nor time with the length of one that is imported again and again

  struct Item {
    enum Kind { other, mark, text, global } kind = other;
    std::string_view view = {};  // of a text
    size_t name = 0;             // of a global
  };
  struct Name {
    std::string text;
    Verdict verdict;
    bool called = false, changed = false;  // each is told once
  };

  void push(Item item) {
    if (stack_.size() == most) fail(MRUN_INPUT, "more values than are looked at");
    stack_.push_back(item);
  }
  Item pop() {
    if (stack_.empty()) return {};
    const Item top = stack_.back();
    stack_.pop_back();
    return top;
  }
  void pop(size_t n) {
    while (n-- > 0) pop();
  }
  // What was pushed after the last mark; gives the first of it.
  Item pop_to_mark() {
    Item first;
    while (!stack_.empty()) {
      const Item top = pop();
      if (top.kind == Item::mark) break;
      first = top;
    }
    return first;
  }
  Item top() const { return stack_.empty() ? Item{} : stack_.back(); }

  std::string_view line() {
    const size_t begin = in_.position(), end = bytes_.find('\n', begin);
    if (end == std::string_view::npos) fail(MRUN_INPUT, "a line that begins at byte {} has no end", begin);
    const std::string_view text = in_.take(end - begin);
    in_.take(1);
    return text;
  }
  template <class N>
  std::string_view counted() {
    const N n = in_.get<N>();
    if (static_cast<uint64_t>(n) > in_.remaining()) in_.take(SIZE_MAX);  // a negative or lying length: throws
    return in_.take(static_cast<size_t>(n));
  }
  // A place of the memo. Python takes more ways to write one (" 1", "+1", "1_0"), which nothing writes that means well:
  // what it takes for the same place would be another here.
  std::optional<uint64_t> place(std::string_view digits) {
    uint64_t n = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
    if (error == std::errc() && end == digits.data() + digits.size()) return n;
    findings_.add(where_, "hides what it keeps where: a place of its memo is " + printable(digits, 40),
                  Verdict::unsafe);
    return std::nullopt;
  }

  Item import(std::string_view module, std::string_view name) {
    if (module.size() + name.size() > longest_name) {
      findings_.add(where_,
                    "imports a name of more than 400 bytes, " + printable(module, 40) + "." + printable(name, 40),
                    Verdict::unsafe);
      return {};
    }
    std::string dotted = std::string(module) + "." + std::string(name);
    const auto [known, added] = numbers_.emplace(dotted, names_.size());
    if (added) {
      names_.push_back({std::move(dotted), Verdict::data});
      if (names_.size() > most) fail(MRUN_INPUT, "more names than are looked at");
      names_.back().verdict = verdict_of_import(names_.back().text);
      report(names_.back(), "", names_.back().verdict);
    }
    return {Item::global, {}, known->second};
  }
  void report(const Name &name, const char *use, Verdict verdict) {
    if (verdict != Verdict::data) findings_.add(where_, "imports " + printable(name.text) + use, verdict);
  }
  Item called(const Item &what) {
    if (what.kind != Item::global) return {};
    Name &name = names_[what.name];
    calls_ = calls_ || is_name(name.text);
    if (!std::exchange(name.called, true)) report(name, " and calls it", name.verdict);
    return {};
  }
  // The state of what stays on the stack: of an object that was made, or of a class or module itself for all who use it.
  void build() {
    pop();
    if (top().kind != Item::global) return;
    Name &name = names_[top().name];
    if (!std::exchange(name.changed, true)) report(name, " and changes it", Verdict::unsafe);
  }
  Item global_of_stack() {
    const Item name = pop(), module = pop();
    if (name.kind == Item::text && module.kind == Item::text) return import(module.view, name.view);
    findings_.add(where_, "imports by a name that it computes", Verdict::unsafe);
    return {};
  }

  bool step(uint8_t op) {
    if (number_or_text(op) || container(op) || memory(op)) return true;
    switch (op) {
      case '.': return false;
      case 0x80: in_.take(1); break;  // PROTO
      case 0x95: in_.take(8); break;  // FRAME
      case 'c': {
        const std::string_view module = line();
        push(import(module, line()));
        break;
      }
      case 0x93: push(global_of_stack()); break;
      case 'i': {
        const std::string_view module = line();
        const Item what = import(module, line());
        pop_to_mark();
        push(called(what));
        break;
      }
      case 'o': push(called(pop_to_mark())); break;
      case 'R':
      case 0x81:
        pop();
        push(called(pop()));
        break;  // REDUCE, NEWOBJ
      case 0x92:
        pop(2);
        push(called(pop()));
        break;  // NEWOBJ_EX
      case 'b': build(); break;
      case 'P':
        line();
        push({});
        break;
      case 'Q':
        pop();
        push({});
        break;
      case 0x82:
      case 0x83:
      case 0x84:
        in_.take(op == 0x82 ? 1 : op == 0x83 ? 2 : 4);
        findings_.add(where_, "imports by a number of Python's extension registry", Verdict::unsafe);
        push({});
        break;
      default: strange_ = true; fail(MRUN_INPUT, "byte {} is no opcode of a pickle", in_.position() - 1);
    }
    return true;
  }

  bool number_or_text(uint8_t op) {
    switch (op) {
      case 'I':
      case 'L':
      case 'F':
        line();
        push({});
        break;
      case 'J':
        in_.take(4);
        push({});
        break;
      case 'K':
        in_.take(1);
        push({});
        break;
      case 'M':
        in_.take(2);
        push({});
        break;
      case 'G':
        in_.take(8);
        push({});
        break;
      case 0x8a: long_number(counted<uint8_t>()); break;
      case 0x8b:
        counted<int32_t>();
        push({});
        break;
      case 'S': quoted(line()); break;
      case 'V': escaped(line()); break;
      case 'T': push({Item::text, counted<int32_t>()}); break;
      case 'U':
      case 0x8c: push({Item::text, counted<uint8_t>()}); break;
      case 'X': push({Item::text, counted<uint32_t>()}); break;
      case 0x8d: push({Item::text, counted<uint64_t>()}); break;
      case 'B':
        counted<uint32_t>();
        push({});
        break;
      case 'C':
        counted<uint8_t>();
        push({});
        break;
      case 0x8e:
      case 0x96:
        counted<uint64_t>();
        push({});
        break;
      case 'N':
      case 0x88:
      case 0x89:
      case 0x97: push({}); break;
      case 0x98: break;
      default: return false;
    }
    return true;
  }
  void quoted(std::string_view text) {
    if (text.size() >= 2 && text.front() == text.back()) text = text.substr(1, text.size() - 2);
    escaped(text);
  }
  // With escapes it is another text than stands here: as a name, one that is computed.
  void escaped(std::string_view text) {
    push(text.find('\\') == std::string_view::npos ? Item{Item::text, text} : Item{});
  }
  void long_number(std::string_view bytes) {
    constexpr std::string_view magic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
    magic_ = magic_ || bytes == magic;
    push({});
  }

  bool container(uint8_t op) {
    switch (op) {
      case ']':
      case ')':
      case '}':
      case 0x8f: push({}); break;
      case 'a': pop(); break;
      case 's': pop(2); break;
      case 'e':
      case 'u':
      case 0x90: pop_to_mark(); break;
      case 'l':
      case 't':
      case 'd':
      case 0x91:
        pop_to_mark();
        push({});
        break;
      case 0x85:
      case 0x86:
      case 0x87:
        pop(op - 0x84u);
        push({});
        break;
      case '(': push({Item::mark}); break;
      case '0': pop(); break;
      case '1': pop_to_mark(); break;
      case '2': push(top()); break;
      default: return false;
    }
    return true;
  }

  bool memory(uint8_t op) {
    switch (op) {
      case 'g': recall(place(line())); break;
      case 'h': recall(in_.get<uint8_t>()); break;
      case 'j': recall(in_.get<uint32_t>()); break;
      case 'p': remember(place(line())); break;
      case 'q': remember(in_.get<uint8_t>()); break;
      case 'r': remember(in_.get<uint32_t>()); break;
      case 0x94: remember(memo_.size()); break;
      default: return false;
    }
    return true;
  }
  void remember(std::optional<uint64_t> place) {
    if (memo_.size() == most) fail(MRUN_INPUT, "more values kept than are looked at");
    if (place) memo_[*place] = top();
  }
  void recall(std::optional<uint64_t> place) {
    const auto found = place ? memo_.find(*place) : memo_.end();
    push(found == memo_.end() ? Item{} : found->second);
  }

  const std::string_view bytes_;
  const std::string shown_;  // in_ refers to it
  ByteReader in_;
  const std::string where_;
  Findings &findings_;
  std::vector<Item> stack_;
  std::unordered_map<uint64_t, Item> memo_;
  std::vector<Name> names_;
  std::unordered_map<std::string, size_t> numbers_;  // in names_
  bool magic_ = false, calls_ = false, strange_ = false;
};

// Not the mark of bytes that happen to be: the weights of a model have one in twenty thousand times.
constexpr size_t of_torch = 5;  // its old format: a number, a version, facts of the system, the object, storages' keys

}  // namespace

bool reads_as_pickle(std::string_view bytes) {
  Findings none;
  Pickle pickle(bytes, "", none);
  const bool marked = bytes.size() > 2 && bytes[0] == '\x80' && bytes[1] >= 0 && bytes[1] <= 5;
  try {
    pickle.read();
  } catch (const Error &) { return pickle.calls() || (marked && (pickle.imports() || !pickle.strange())); }
  return marked || pickle.calls();
}

void scan_pickle(std::string_view bytes, const std::string &where, Findings &findings) {
  Pickle pickle(bytes, where, findings);
  try {
    for (size_t n = 1;; ++n) {
      pickle.read();
      const std::string_view rest = bytes.substr(pickle.position());
      if (pickle.found_magic() && n < of_torch) continue;
      if (reads_as_pickle(rest)) continue;
      if (!rest.empty() && !pickle.found_magic()) {
        findings.add(where,
                     mrun::counted(rest.size(), "byte stands", "bytes stand") + " behind its end, not looked into",
                     Verdict::code);
      }
      return;
    }
  } catch (const Error &e) {
    findings.add(where, "is a damaged pickle, which was read as far as it goes: " + e.message, Verdict::unsafe);
  }
}

}  // namespace mrun
