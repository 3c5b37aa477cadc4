// The one mrun_host table: plugin.h's functions over the core's. No exception leaves any of them.
#include <locale.h>
#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mrun/message.hpp>

#include "base/let_go.h"
#include "base/text.h"
#include "plugin/registration.h"
#include "value/dlpack.h"
#include "value/foreign.h"
#include "value/object.h"
#include "value/root.h"

namespace mrun {
namespace {

constexpr size_t longest_message = 2000;

void want(bool condition, const char *what) {
  if (!condition) fail(MRUN_USAGE, "{}", what);
}

// ---- registration

template <class T>
int add(mrun_registry *registry, const T *given, void (*take)(mrun_registry &, const T *)) noexcept {
  try {
    if (registry == nullptr) {
      note_init_failure(MRUN_USAGE,
                        "the registry is NULL: want that of the mrun_plugin which mrun_plugin_init is given");
      return MRUN_USAGE;
    }
    take(*registry, given);
    return MRUN_OK;
  } catch (Error &e) {
    if (registry->error.empty()) {
      registry->error = std::move(e.message);  // a copy might want memory that is not there
      registry->code = e.code;
    }
    return e.code;
  } catch (...) { return MRUN_MEMORY; }
}

int add_op(mrun_registry *r, const mrun_op *op) { return add(r, op, register_op); }
int add_type(mrun_registry *r, const mrun_type *type) { return add(r, type, register_type); }
int add_namespace(mrun_registry *r, const mrun_namespace *space) { return add(r, space, register_namespace); }
int add_backend(mrun_registry *r, const mrun_backend *backend) { return add(r, backend, register_backend); }

// ---- errors, log, stopping

// While it lives this thread's printf writes numbers with a point, whatever the host has given setlocale.
class PlainNumbers {
 public:
  PlainNumbers()
      : plain_(newlocale(LC_NUMERIC_MASK, "C", duplocale(uselocale(nullptr)))),
        before_(plain_ == nullptr ? nullptr : uselocale(plain_)) {}
  ~PlainNumbers() {
    if (plain_ == nullptr) return;
    uselocale(before_);
    freelocale(plain_);
  }
  PlainNumbers(const PlainNumbers &) = delete;
  PlainNumbers &operator=(const PlainNumbers &) = delete;

 private:
  const locale_t plain_, before_;
};

__attribute__((format(printf, 3, 4))) int fail_call(mrun_call *call, int code, const char *format, ...) {
  char text[longest_message];
  const PlainNumbers plain;
  va_list args;
  va_start(args, format);
  const int length = std::vsnprintf(text, sizeof text, format == nullptr ? "" : format, args);
  va_end(args);
  const int known = code > MRUN_OK && code <= MRUN_INTERNAL ? code : MRUN_INTERNAL;
  answer_native(nullptr, [&] {
    const std::string_view said = length < 0 ? std::string_view("(a message that cannot be written)") : text;
    std::string message = printable(said, longest_message);
    if (call == nullptr) return note_init_failure(static_cast<mrun_code>(known), std::move(message));
    note_error(call, Error(static_cast<mrun_code>(known), std::move(message)));
  });
  return known;
}

void log_text(mrun_call *call, int level, const char *text) {
  if (call == nullptr) return;
  answer_native(nullptr, [&] { log_line(call->item, level, text == nullptr ? "" : text); });
}

int stopped(mrun_call *call) { return call == nullptr ? MRUN_USAGE : call->stopped(); }

// ---- memory

// In front of what host->alloc gives; the budget lives as long as the memory. As large as the alignment that is promised.
struct alignas(64) Header {
  std::shared_ptr<Budget> budget;
  int64_t bytes;
};
static_assert(sizeof(Header) == 64);

void charge_budget(Budget &budget, int64_t bytes) {
  if (!budget.charge(bytes)) {
    fail(MRUN_QUOTA, "{} bytes more exceed the memory allowed ({} of {} bytes used)", bytes, budget.used(),
         budget.limit());
  }
}

// The threads of a call may use alloc, release and charge too, so these note no message: what stays is the code.
int alloc_memory(mrun_call *call, size_t bytes, void **memory) {
  if (call == nullptr || memory == nullptr) return MRUN_USAGE;
  *memory = nullptr;
  if (bytes > static_cast<size_t>(PTRDIFF_MAX) - 2 * sizeof(Header)) return MRUN_MEMORY;
  const std::shared_ptr<Budget> &budget = call->item.budget;
  const auto charged = static_cast<int64_t>(bytes);
  if (!budget->charge(charged)) return MRUN_QUOTA;
  void *block = std::aligned_alloc(64, (sizeof(Header) + bytes + 63) / 64 * 64);
  if (block == nullptr) {
    budget->charge(-charged);
    return MRUN_MEMORY;
  }
  auto *header = new (block) Header{budget, charged};
  *memory = header + 1;
  return MRUN_OK;
}

void release_memory(void *memory) {
  if (memory == nullptr) return;
  Header *header = static_cast<Header *>(memory) - 1;
  header->budget->charge(-header->bytes);
  header->~Header();
  std::free(header);
}

int charge_call(mrun_call *call, int64_t bytes) {
  if (call == nullptr) return MRUN_USAGE;
  if (bytes >= 0) {
    if (!call->item.budget->charge(bytes)) return MRUN_QUOTA;
    call->charged.fetch_add(bytes);
    return MRUN_OK;
  }
  int64_t charged = call->charged.load();  // no more is given back than was charged
  int64_t back = 0;
  do {
    back = bytes < -charged ? charged : -bytes;
  } while (!call->charged.compare_exchange_weak(charged, charged - back));
  call->item.budget->charge(-back);
  return MRUN_OK;
}

// ---- tensors

int tensor_new(mrun_call *call, DLDataType type, const int64_t *shape, int32_t ndim, DLDevice device, mrun_value *out) {
  return answer_native(call, [&] {
    want(call != nullptr && out != nullptr, "tensor_new: NULL was given");
    want(ndim >= 0 && (ndim == 0 || shape != nullptr), "tensor_new: the shape is NULL or ndim is negative");
    want(device_kind(device) == kDLCPU, "tensor_new: makes CPU tensors; give others with tensor_give");
    check_dtype(type, "tensor_new");
    *out = Tensor::empty(type, Shape(shape, shape + ndim), call->item.budget).release();
  });
}

const mrun_value *holder_in(const MemoryRange &range, const DLTensor &t, const mrun_value &v) {
  if (v.kind == MRUN_LIST) {
    for (size_t i = 0; i < v.as.list.size; ++i) {
      if (const mrun_value *found = holder_in(range, t, v.as.list.items[i])) return found;
    }
    return nullptr;
  }
  if (v.kind == MRUN_MAP) {
    for (size_t i = 0; i < v.as.map.size; ++i) {
      if (const mrun_value *found = holder_in(range, t, v.as.map.items[i].value)) return found;
    }
    return nullptr;
  }
  if (v.kind != MRUN_TENSOR) return nullptr;
  const DLTensor &other = v.as.tensor.dl->dl_tensor;
  if (other.device.device_type != t.device.device_type || other.device.device_id != t.device.device_id) return nullptr;
  const MemoryRange held = memory_range(other, "tensor_give");
  return range.first >= held.first && range.end <= held.end ? &v : nullptr;
}

// The argument whose memory a tensor is a view of; null where it has its own.
const mrun_value *holder_of(const mrun_call &call, const MemoryRange &range, const DLTensor &t) {
  if (range.bytes() == 0) return nullptr;
  for (const auto &given : {call.arguments, call.task_arguments}) {
    for (const mrun_value &v : given) {
      if (const mrun_value *found = holder_in(range, t, v)) return found;
    }
  }
  return nullptr;
}

using DlGuard = OwnedDlpack<DLManagedTensor>;

Tensor charged_tensor(mrun_call &call, DlGuard guard) {
  const MemoryRange range = check_tensor(guard->dl_tensor, "tensor_give");
  if (const mrun_value *holder = holder_of(call, range, guard->dl_tensor)) {
    auto keep = std::make_shared<const Value>(Value::copy(*holder));
    Tensor view = Tensor::give(guard.release(), nullptr, 0, std::move(keep));
    set_root(view, root_of(*holder));
    return (holder->flags & MRUN_READONLY) != 0 ? view.read_only() : view;
  }
  charge_budget(*call.item.budget, range.bytes());
  try {
    return Tensor::give(guard.release(), call.item.budget, range.bytes());
  } catch (...) {
    call.item.budget->charge(-range.bytes());
    throw;
  }
}

int tensor_give(mrun_call *call, DLManagedTensor *dl, mrun_value *out) {
  return answer_native(call, [&] {
    want(dl != nullptr, "tensor_give: NULL was given");
    DlGuard given(dl);
    want(call != nullptr && out != nullptr, "tensor_give: NULL was given");
    *out = charged_tensor(*call, std::move(given)).release();
  });
}

int media_set(mrun_call *call, mrun_value *tensor, const char *media_type) {
  return answer_native(call, [&] {
    want(tensor != nullptr && tensor->kind == MRUN_TENSOR && media_type != nullptr,
         "media_set: wants a tensor and a media type");
    const std::string_view type = media_type;
    const auto plain = [](char c) { return c > ' ' && c < 127 && c != '"' && c != '\\'; };
    want(!type.empty() && type.size() <= 127 && std::all_of(type.begin(), type.end(), plain),
         "media_set: a media type is 1 to 127 printable ASCII characters");
    const Tensor bytes = Tensor::copy(*tensor);
    want(bytes.dim() == 1 && bytes.dtype() == dtype::uint8 && bytes.is_contiguous(),
         "media_set: wants a 1-D uint8 tensor, row-major");
    mrun_value marked = bytes.with_media_type(std::string(type)).release();
    std::swap(*tensor, marked);
    Value::free(&marked);
  });
}

// ---- other values

int string_new(mrun_call *call, const char *data, size_t size, mrun_value *out) {
  return answer_native(call, [&] {
    want((data != nullptr || size == 0) && out != nullptr, "string_new: NULL was given");
    const std::string_view text(data, size);
    if (!valid_utf8(text)) fail(MRUN_ARGUMENT, "a string of {} is not valid UTF-8", counted(size, "byte"));
    *out = Value::string(text).release();
  });
}

void want_made(const mrun_value &v) {
  if (const std::string wrong = malformed(v, plugin_writer); !wrong.empty()) fail(MRUN_USAGE, "{}", wrong);
}

// Takes over what was given; a value without an owner may be borrowed and is copied.
Value taken(mrun_value &v) {
  try {
    want_made(v);
  } catch (...) {
    v = mrun_value{};  // forgotten, not freed: its owner may be whatever lay there
    throw;
  }
  Value value = v.owner == nullptr && (v.kind == MRUN_STRING || v.kind == MRUN_LIST || v.kind == MRUN_MAP)
                    ? Value::copy(v)
                    : Value::adopt(v);
  v = mrun_value{};
  return value;
}

mrun_value &value_of(mrun_value &v) { return v; }
mrun_value &value_of(mrun_entry &e) { return e.value; }

// What was handed over and is not taken when this goes is freed.
template <class T>
struct Given {
  T *items;
  size_t count;
  ~Given() {
    for (size_t i = 0; i < count; ++i) Value::free(&value_of(items[i]));
  }
};

std::vector<Value> taken_all(mrun_value *items, size_t count) {
  want(items != nullptr || count == 0, "NULL was given for a list");
  const Given<mrun_value> given{items, count};
  std::vector<Value> values;
  values.reserve(count);
  for (size_t i = 0; i < count; ++i) values.push_back(taken(items[i]));
  return values;
}

int list_new(mrun_call *call, mrun_value *items, size_t count, mrun_value *out) {
  return answer_native(call, [&] {
    Value list = Value::list(taken_all(items, count));
    want(out != nullptr, "list_new: NULL was given");
    *out = list.release();
  });
}

int map_new(mrun_call *call, mrun_entry *items, size_t count, mrun_value *out) {
  return answer_native(call, [&] {
    want(items != nullptr || count == 0, "map_new: NULL was given");
    const Given<mrun_entry> given{items, count};
    std::vector<std::pair<std::string, Value>> entries;
    entries.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      want(items[i].key.data != nullptr || items[i].key.size == 0, "map_new: a key is NULL");
      std::string key(items[i].key.data, items[i].key.size);
      if (!valid_utf8(key)) fail(MRUN_ARGUMENT, "a key of {} is not valid UTF-8", counted(key.size(), "byte"));
      entries.emplace_back(std::move(key), taken(items[i].value));
    }
    want(out != nullptr, "map_new: NULL was given");
    *out = Value::map(std::move(entries)).release();
  });
}

int value_copy(mrun_call *call, const mrun_value *in, mrun_value *out) {
  return answer_native(call, [&] {
    want(in != nullptr && out != nullptr, "value_copy: NULL was given");
    want_made(*in);
    *out = Value::copy(*in).release();
  });
}

void value_free(mrun_value *v) {
  if (v != nullptr) Value::free(v);
}

// What the operation that runs has charged is what it made the object of, and goes back with that.
void keep_charge(mrun_call &call, mrun_object &object) {
  object.budget = call.item.budget;
  int64_t charged = call.charged.load();
  do {
    object.charged = std::max<int64_t>(charged - call.charged_before, 0);
  } while (object.charged > 0 && !call.charged.compare_exchange_weak(charged, call.charged_before));
}

int object_new(mrun_call *call, const mrun_type *type, void *self, mrun_value *out) {
  return answer_native(call, [&] {
    want(type != nullptr, "object_new: NULL was given for the type");
    want(self != nullptr, "object_new: NULL was given for the object");
    const auto destroy = [type](void *s) {
      if (type->name != nullptr) return destroy_object(type, s);
      if (type->destroy != nullptr) let_go("an object", [&] { type->destroy(s); });
    };
    std::unique_ptr<void, decltype(destroy)> guard(self, destroy);
    want(type->name != nullptr, "object_new: the type's name is NULL");
    want(out != nullptr, "object_new: NULL was given");
    Value made = object_value(type, guard.release());
    if (call != nullptr) keep_charge(*call, *made.c().as.object);
    *out = made.release();
  });
}

void *object_get(const mrun_value *v, const mrun_type *type) {
  if (v == nullptr || v->kind != MRUN_OBJECT) return nullptr;
  return v->as.object->type == type ? v->as.object->self : nullptr;
}

// ---- calling back

class NoAwait {
 public:
  explicit NoAwait(mrun_call &call) : call_(call), before_(call.may_await) { call.may_await = false; }
  ~NoAwait() { call_.may_await = before_; }
  NoAwait(const NoAwait &) = delete;
  NoAwait &operator=(const NoAwait &) = delete;

 private:
  mrun_call &call_;
  bool before_;
};

std::vector<Value> call_function(mrun_call &call, mrun_function &f, std::span<const mrun_value> args) {
  const NoAwait no_await(call);
  if (auto *operation = dynamic_cast<OperationFunction *>(&f)) return call_operation(operation->set, call, args).values;
  if (call.host == nullptr) fail(MRUN_USAGE, "{} cannot be called here", f.kind());
  return call.host->call(call, f, args);
}

int call_back(mrun_call *call, mrun_function *f, const mrun_value *args, size_t nargs, mrun_value *results,
              size_t *count) {
  const size_t room = count == nullptr ? 0 : *count;
  if (count != nullptr) *count = 0;
  return answer_native(call, [&] {
    want(call != nullptr && f != nullptr, "call: the function is NULL");
    want((args != nullptr || nargs == 0) && (results != nullptr || room == 0), "call: NULL was given");
    for (size_t i = 0; i < nargs; ++i) want_made(args[i]);
    std::vector<Value> given = call_function(*call, *f, {args, nargs});
    const size_t kept = std::min(room, given.size());
    for (size_t i = 0; i < kept; ++i) results[i] = given[i].release();
    if (count != nullptr) *count = kept;
  });
}

void start_await(mrun_call &call, mrun_function *f, std::vector<Value> args, const mrun_await &how) {
  want(f != nullptr, "await: the function is NULL");
  want(call.may_await && call.host != nullptr,
       "await: this operation was called back by another one, or where nothing "
       "can wait (top-level code, sort, gsub)");
  want(!call.awaiting, "await: it awaits already");
  call.host->await(call, *f, std::move(args), how);
  call.awaiting = true;
}

// Runs destroy where await fails, but inside a resume: whoever resumed the task runs it then.
struct Refused {
  const mrun_await *how;
  const bool resuming;
  bool accepted = false;
  ~Refused() {
    const bool readable = how != nullptr && how->size >= first_size<mrun_await> && how->destroy != nullptr;
    if (!accepted && !resuming && readable) let_go("a task", [&] { how->destroy(how->state); });
  }
};

int await_call(mrun_call *call, mrun_function *f, mrun_value *args, size_t nargs, const mrun_await *how) {
  Refused refused{how, call != nullptr && call->resuming};
  const int code = answer_native(call, [&] {
    std::vector<Value> values = taken_all(args, nargs);
    want(call != nullptr, "await: the call is NULL");
    const mrun_await checked = known(how, "mrun_await");
    want(checked.resume != nullptr && checked.destroy != nullptr, "await: resume and destroy must not be NULL");
    start_await(*call, f, std::move(values), checked);
    refused.accepted = true;
  });
  return code == MRUN_OK ? MRUN_PENDING : code;
}

int find_operation(mrun_call *call, const char *name, mrun_function **out) {
  if (out != nullptr) *out = nullptr;
  return answer_native(call, [&] {
    want(call != nullptr && name != nullptr && out != nullptr, "find: NULL was given");
    want(call->registry != nullptr, "find: this call has no registry of operations");
    call->found.push_back(std::make_unique<OperationFunction>(call->registry->require(name)));
    *out = call->found.back().get();
  });
}

// ---- random numbers, threads

int seed_call(mrun_call *call, size_t item, uint64_t *out) {
  return answer_native(call, [&] {
    want(call != nullptr && out != nullptr, "seed: NULL was given");
    if (call->batch.empty()) {
      want(item == 0, "seed: this call serves one item");
      *out = call->item.draw();
    } else {
      want(item < call->batch.size(), "seed: no such item in the batch");
      *out = call->batch[item]->draw();
    }
  });
}

int32_t threads_of(mrun_call *call) { return call == nullptr ? 1 : std::max(call->item.threads, 1); }

const mrun_host table = {sizeof(mrun_host), MRUN_ABI,   MRUN_VERSION, add_op,     add_type,     add_namespace,
                         add_backend,       fail_call,  log_text,     stopped,    alloc_memory, release_memory,
                         charge_call,       tensor_new, tensor_give,  string_new, list_new,     map_new,
                         value_copy,        value_free, object_new,   object_get, call_back,    await_call,
                         find_operation,    seed_call,  threads_of,   media_set};

}  // namespace

const mrun_host &host_table() { return table; }

}  // namespace mrun
