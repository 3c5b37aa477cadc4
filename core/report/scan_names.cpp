#include "report/scan_names.h"

#include <algorithm>
#include <string>

namespace mrun {
namespace {

// What torch.load, and TorchScript's own reader, rebuild tensors and plain values with.
constexpr std::string_view harmless =
    " collections.OrderedDict _codecs.encode builtins.set builtins.frozenset builtins.dict builtins.list"
    " builtins.tuple builtins.bytearray builtins.bytes builtins.complex builtins.int builtins.float"
    " builtins.bool builtins.str builtins.slice builtins.range builtins.object copy_reg._reconstructor"
    " copyreg._reconstructor __builtin__.set __builtin__.bytearray __builtin__.complex __builtin__.object"
    " __builtin__.dict __builtin__.list __builtin__.long __builtin__.xrange __builtin__.int __builtin__.float"
    " __builtin__.str __builtin__.unicode __builtin__.tuple __builtin__.frozenset __builtin__.bool torch.Size "
    "torch.Tensor torch.device torch.dtype torch.layout"
    " torch.memory_format torch.nn.parameter.Parameter torch.nn.parameter.Buffer"
    " torch.serialization._get_layout torch.storage.UntypedStorage torch.storage.TypedStorage"
    " torch._tensor._rebuild_from_type_v2 numpy.core.multiarray._reconstruct numpy.core.multiarray.scalar"
    " numpy._core.multiarray._reconstruct numpy._core.multiarray.scalar numpy.ndarray numpy.dtype ";
constexpr std::string_view harmless_beginnings[] = {"torch._utils._rebuild_", "torch.jit._pickle.", "numpy.dtypes."};
// Anywhere in a dotted name: the way from a library to what it imported itself.
constexpr std::string_view outside =
    " os sys subprocess posix nt builtins importlib shutil socket pty ctypes runpy pickle eval exec system"
    " popen getattr setattr open ";
// Modules that reach files, processes, the network, or other code by name; by their names of Python 2, too, which its
// successors translate.
constexpr std::string_view reaching =
    " BaseHTTPServer CGIHTTPServer IPython SimpleHTTPServer SimpleXMLRPCServer SocketServer StringIO __builtin__"
    " _aix_support _ctypes _io _multiprocessing _operator _osx_support _pickle _posixsubprocess _pyrepl _socket _thread"
    " _winapi _winreg anydbm ast asyncio bdb builtins bz2 cPickle cProfile cStringIO cffi cgitb cloudpickle code codeop"
    " commands compileall concurrent configparser contextlib ctypes curses dbhash dbm dill distutils doctest dumbdbm"
    " ensurepip fcntl fileinput ftplib functools gc gdbm glob gzip http httplib idlelib imaplib imp importlib inspect "
    "io"
    " joblib lib2to3 linecache logging lzma mailcap marshal mmap msvcrt multiprocessing nt ntpath numexpr operator os"
    " pathlib pdb pickle pip pkgutil platform poplib posix posixpath profile pty py_compile pydoc requests runpy select"
    " selectors setuptools shelve shutil signal site smtplib socket socketserver sqlite3 ssl subprocess sys tarfile"
    " telnetlib tempfile test threading timeit tokenize trace types unittest urllib urllib2 uuid venv webbrowser "
    "whichdb"
    " winreg xmlrpc xmlrpclib zipapp zipfile zipimport ";
constexpr std::string_view reaching_names =
    " torch.load torch.save torch.jit.load torch.jit.save torch.package torch.hub torch.utils torch.storage"
    " torch.serialization torch._dynamo torch._inductor torch.fx torch.distributed torch.multiprocessing"
    " torch.classes torch.ops torch.testing numpy.f2py numpy.testing numpy.distutils pandas.eval pandas.io ";
// At the end of a name, whatever library it is of: numpy.ndarray.tofile, torch.FloatStorage.from_file.
constexpr std::string_view reaching_ends =
    " Popen call check_call check_output dump exec_module execv from_file fromfile genfromtxt load load_library"
    " load_module loads loadtxt memmap open_memmap read_pickle run_module run_path save savetxt savez savez_compressed"
    " spawn to_pickle tofile ";

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

}  // namespace

Verdict verdict_of_import(std::string_view name) {
  if (among(harmless, name) || is_torch_kind(name)) return Verdict::data;
  for (const std::string_view begin : harmless_beginnings) {
    if (name.starts_with(begin) && name.find('.', begin.size()) == std::string_view::npos) return Verdict::data;
  }
  if (name.starts_with("__torch__.")) return Verdict::data;  // TorchScript's own: its sources say what it does
  if (leads_outside(name)) return Verdict::unsafe;
  if (among(reaching, name.substr(0, name.find('.')))) return Verdict::unsafe;
  const bool reaches = reaches_by_name(name) || among(reaching_ends, name.substr(name.rfind('.') + 1));
  return reaches ? Verdict::unsafe : Verdict::code;
}

}  // namespace mrun
