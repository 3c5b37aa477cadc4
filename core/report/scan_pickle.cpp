// Pickle's opcodes, followed without running them (Python's Lib/pickletools.py describes each).
#include <algorithm>
#include <unordered_map>

#include "base/bytes.h"
#include "base/text.h"
#include "report/scan.h"

namespace mrun {
namespace {

// What torch.load, and TorchScript's own reader, rebuild tensors and plain values with.
constexpr std::string_view harmless =
    " collections.OrderedDict _codecs.encode builtins.set builtins.frozenset builtins.dict builtins.list"
    " builtins.tuple builtins.bytearray builtins.bytes builtins.complex builtins.int builtins.float"
    " builtins.bool builtins.str builtins.slice builtins.range builtins.object copy_reg._reconstructor"
    " copyreg._reconstructor __builtin__.set __builtin__.bytearray __builtin__.complex __builtin__.object"
    " __builtin__.dict __builtin__.list __builtin__.long torch.Size torch.Tensor torch.device torch.dtype torch.layout"
    " torch.memory_format torch.nn.parameter.Parameter torch.nn.parameter.Buffer"
    " torch.serialization._get_layout torch.storage.UntypedStorage torch.storage.TypedStorage"
    " torch._tensor._rebuild_from_type_v2 numpy.core.multiarray._reconstruct numpy.core.multiarray.scalar"
    " numpy._core.multiarray._reconstruct numpy._core.multiarray.scalar numpy.ndarray numpy.dtype ";
constexpr std::string_view harmless_beginnings[] = {"torch._utils._rebuild_", "torch.jit._pickle.", "numpy.dtypes."};
// Anywhere in a dotted name: the way from a library to what it imported itself.
constexpr std::string_view outside =
    " os sys subprocess posix nt builtins importlib shutil socket pty ctypes runpy pickle eval exec system"
    " popen getattr setattr open ";
// Modules that reach files, processes, the network, or other code by name.
constexpr std::string_view reaching =
    " __builtin__ _aix_support _ctypes _io _osx_support _pickle _posixsubprocess _pyrepl asyncio bdb builtins"
    " cProfile cloudpickle code codeop commands ctypes dill distutils doctest ensurepip fileinput ftplib"
    " functools gc glob http idlelib imaplib imp importlib inspect io joblib lib2to3 linecache logging mailcap"
    " marshal mmap multiprocessing nt ntpath operator _operator os pathlib pdb pickle pip pkgutil platform"
    " poplib posix posixpath profile pty pydoc requests runpy setuptools shelve shutil signal site smtplib"
    " socket socketserver sqlite3 ssl subprocess sys tarfile telnetlib tempfile threading timeit trace types"
    " unittest urllib uuid venv webbrowser xmlrpc zipfile zipimport ";
constexpr std::string_view reaching_names =
    " torch.load torch.save torch.jit.load torch.jit.save torch.package torch.hub torch.utils torch.storage"
    " torch.serialization torch._dynamo torch._inductor torch.fx torch.distributed torch.multiprocessing"
    " torch.classes torch.ops torch.testing numpy.load numpy.save numpy.fromfile numpy.loadtxt numpy.genfromtxt"
    " numpy.memmap numpy.f2py numpy.testing numpy.distutils ";

// In a list of words between spaces.
bool among(std::string_view words, std::string_view name) {
  if (name.find(' ') != std::string_view::npos) return false;
  return words.find(" " + std::string(name) + " ") != std::string_view::npos;
}

// The name itself, or what it is in.
bool reaches_by_name(std::string_view name) {
  for (size_t end = name.size(); end != std::string_view::npos; end = name.rfind('.', end - 1)) {
    if (among(reaching_names, name.substr(0, end))) return true;
    if (end == 0) break;
  }
  return false;
}

bool is_torch_kind(std::string_view name) {  // torch.FloatStorage, torch.float32
  if (!name.starts_with("torch.") || name.find('.', 6) != std::string_view::npos) return false;
  name.remove_prefix(6);
  constexpr std::string_view kinds[] = {"float", "double", "half",  "bfloat16", "int",    "long",    "short", "bool",
                                        "uint",  "qint",   "quint", "complex",  "cfloat", "cdouble", "chalf"};
  return name.ends_with("Storage") ||
         std::any_of(std::begin(kinds), std::end(kinds), [&](std::string_view k) { return name.starts_with(k); });
}

bool leads_outside(std::string_view name) {
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if ((part.starts_with("__") && part != "__main__") || among(outside, part)) return true;
    begin = end + 1;
  }
  return false;
}

Verdict verdict_of(std::string_view name) {
  if (among(harmless, name) || is_torch_kind(name)) return Verdict::data;
  for (const std::string_view begin : harmless_beginnings) {
    if (name.starts_with(begin) && name.find('.', begin.size()) == std::string_view::npos) return Verdict::data;
  }
  if (name.starts_with("__torch__.")) return Verdict::data;  // TorchScript's own: its sources say what it does
  if (leads_outside(name)) return Verdict::unsafe;
  if (among(reaching, name.substr(0, name.find('.')))) return Verdict::unsafe;
  return reaches_by_name(name) ? Verdict::unsafe : Verdict::code;
}

class Pickle {
 public:
  Pickle(std::string_view bytes, const std::string &where, Findings &findings)
      : in_(bytes, printable(where), MRUN_INPUT), where_(where), findings_(findings) {}

  // From one STOP to behind the next. Throws where the bytes are no pickle.
  void read() {
    stack_.clear();
    memo_.clear();
    bool more = true;
    while (more) more = step(in_.get<uint8_t>());
  }
  size_t position() const { return in_.position(); }
  bool found_magic() const { return magic_; }  // of torch.save's old format

 private:
  static constexpr size_t most = size_t{1} << 22;  // values, names: memory does not grow with the file

  struct Item {
    enum Kind { other, mark, text, global } kind = other;
    std::string_view view = {};  // of a text
    size_t name = 0;             // of a global, and of what it made
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
    size_t n = 0;
    for (ByteReader ahead = in_; ahead.get<char>() != '\n';) ++n;
    const std::string_view text = in_.take(n);
    in_.take(1);
    return text;
  }
  template <class N>
  std::string_view counted() {
    const N n = in_.get<N>();
    if (static_cast<uint64_t>(n) > in_.remaining()) in_.take(SIZE_MAX);  // a negative or lying length: throws
    return in_.take(static_cast<size_t>(n));
  }
  uint64_t number(std::string_view digits) const {
    uint64_t n = 0;
    for (const char c : digits) n = n * 10 + static_cast<unsigned char>(c - '0');
    return n;
  }

  Item import(std::string_view module, std::string_view name) {
    std::string dotted = std::string(module) + "." + std::string(name);
    const auto [known, added] = numbers_.emplace(dotted, names_.size());
    if (added) names_.push_back(std::move(dotted));
    if (names_.size() > most) fail(MRUN_INPUT, "more names than are looked at");
    report(known->second, "");
    return {Item::global, {}, known->second};
  }
  void report(size_t name, const char *use) {
    const Verdict verdict = verdict_of(names_[name]);
    if (verdict == Verdict::data) return;
    findings_.add(where_, "imports " + printable(names_[name]) + use, verdict);
  }
  Item called(const Item &what) {
    if (what.kind == Item::global) report(what.name, " and calls it");
    return {};
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
        break;                 // NEWOBJ_EX
      case 'b': pop(); break;  // BUILD: the state of what stays on the stack
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
      default: fail(MRUN_INPUT, "byte {} is no opcode of a pickle", in_.position() - 1);
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
      case 'V': push({Item::text, line()}); break;
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
    push({Item::text, text});
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
      case 'g': recall(number(line())); break;
      case 'h': recall(in_.get<uint8_t>()); break;
      case 'j': recall(in_.get<uint32_t>()); break;
      case 'p': remember(number(line())); break;
      case 'q': remember(in_.get<uint8_t>()); break;
      case 'r': remember(in_.get<uint32_t>()); break;
      case 0x94: remember(memo_.size()); break;
      default: return false;
    }
    return true;
  }
  void remember(uint64_t place) {
    if (memo_.size() == most) fail(MRUN_INPUT, "more values kept than are looked at");
    memo_[place] = top();
  }
  void recall(uint64_t place) {
    const auto found = memo_.find(place);
    push(found == memo_.end() ? Item{} : found->second);
  }

  ByteReader in_;
  const std::string where_;
  Findings &findings_;
  std::vector<Item> stack_;
  std::unordered_map<uint64_t, Item> memo_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, size_t> numbers_;  // in names_
  bool magic_ = false;
};

}  // namespace

bool is_pickle(std::string_view bytes) {
  return bytes.size() > 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5;
}

void scan_pickle(std::string_view bytes, const std::string &where, Findings &findings) {
  constexpr size_t of_torch =
      5;  // its old format: a number, a version, facts of the system, the object, the storages' keys
  Pickle pickle(bytes, where, findings);
  try {
    for (size_t n = 1;; ++n) {
      pickle.read();
      const bool expected = pickle.found_magic() && n < of_torch;
      if (!expected && !is_pickle(bytes.substr(pickle.position()))) return;
    }
  } catch (const Error &e) {
    findings.add(where, "is a damaged pickle, which was read as far as it goes: " + e.message, Verdict::unsafe);
  }
}

}  // namespace mrun
