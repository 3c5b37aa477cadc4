/* mrun/plugin.h - the plugin ABI. C99; one exported symbol, mrun_plugin_init. This header is the manual.
 *
 * 1 Versions. MAJOR changes never happen without a new symbol name. A plugin loads when its major is the host's and its minor
 *   is not above the host's. Every struct starts with its size and only grows at the end; the host reads no further than the
 *   size that the plugin gives, and a plugin calls nothing that lies beyond host->size.
 * 2 Lifetime. mrun_plugin_init runs once a process, on one thread, before any other function of the plugin. Plugins are never
 *   unloaded, so every `const char *` and struct that is registered must live as long as the process (static is right).
 * 3 Threads. The host calls operations, methods and models from many threads at once unless a flag below says otherwise. A
 *   `mrun_call *` belongs to one call: it is valid until that call returns, on the calling thread only, but for `stopped`,
 *   `charge`, `alloc` and `release`, which the call's helper threads may use.
 * 4 Errors. Functions return a mrun_code. `return host->fail(call, code, "format", ...)` is the only way to give a message:
 *   what, where, what was wanted; no addresses, no paths. Results written before a failure are freed by the host.
 * 5 C++ exceptions and longjmp never cross this boundary, in either direction; plugin.hpp takes care of it.
 * 6 Memory. What an operation allocates in proportion to its input comes from host->alloc or tensor_new, or is announced with
 *   charge before it is allocated: both fail with MRUN_QUOTA or MRUN_MEMORY when the item's budget is used up. Buffers below
 *   64 KiB that live no longer than the call need not be announced.
 * 7 Tensors are DLPack, any strides, any device the operation's page names. An argument's memory may be read only while the
 *   call lasts (value_copy keeps it) and written only where the schema says `(a!)`; the host has then already refused a tensor
 *   with MRUN_READONLY. An element is aligned to its own size, nothing more is promised. A plugin may recognise a tensor that
 *   it made itself by dl->deleter and use what is behind dl->manager_ctx instead of converting. A tensor handed over with
 *   tensor_give that lies inside an argument's memory is a view: it keeps the argument alive, is not charged, and is read-only
 *   where the argument is.
 * 8 Schemas: `name@version(type name=default, ..., *, keyword-only) -> type` or `-> (type, type)`; results may have names,
 *   a parameter other ones that keyword arguments may use: `int dim|axis`. Types:
 *   Tensor int float bool str Scalar Any Callable Device ScalarType Generator, `Dict(str, T)`, object types by name; `T?` optional
 *   (nil), `T[]` and `T[n]` lists (a single T is accepted for T[]: a list of one; for T[n]: n times; from T[2] on a list
 *   has n items, one that is repeated, or none where the default is []; for T[] and T[1] any length comes), `T?[]` lists with nil in them, `Tensor(a)`, `Tensor(a!)` alias and written. What this cannot say is Any. Defaults:
 *   numbers, 'strings', True, False, None, lists of these, {}. Operations of a namespace have no version; their overloads are
 *   told apart after a colon: `aten.softmax:int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor`.
 *   An operation gets exactly one mrun_value for each parameter, defaults filled in, types already checked: int is MRUN_INT (a
 *   script's number must be integral and within 2^53), float MRUN_FLOAT (an int is converted), Scalar MRUN_INT, MRUN_FLOAT or
 *   MRUN_BOOL as it came, ScalarType and Device MRUN_STRING with the canonical name ("int64", "cuda:0"); bytes are a 1-D uint8
 *   Tensor; Generator is always nil, random numbers come from host->seed. A table whose keys are all strings, given last, is
 *   keyword arguments; it is that argument itself where a required Dict or Any is next, or an optional one and no key names a
 *   parameter.
 * 9 Meaning. What `name@1` computes never changes once released. Another meaning is `name@2`, registered beside it.        */
#ifndef MRUN_PLUGIN_H
#define MRUN_PLUGIN_H
#include "types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define MRUN_ABI_MAJOR 1u
#define MRUN_ABI_MINOR 0u
#define MRUN_ABI (MRUN_ABI_MAJOR << 16 | MRUN_ABI_MINOR)

typedef struct mrun_call mrun_call;         /* one call in progress: budget, deadline, seed, where errors go */
typedef struct mrun_registry mrun_registry; /* valid inside mrun_plugin_init only */

/* ---- what a plugin registers --------------------------------------------------------------------------------------------- */

/* args: one a parameter, borrowed. results: one a result, nil on entry; the host owns them after MRUN_OK. */
typedef int (*mrun_op_fn)(mrun_call *call, const mrun_value *args, mrun_value *results, void *user);

enum { /* mrun_op.flags */
       MRUN_OP_ONCE =
           1, /* builds an object from assets (a tokenizer): called with only assets and plain values, the result is made
                         once a process and shared. The result's type must be MRUN_TYPE_SHAREABLE. */
       MRUN_OP_SERIAL = 2, /* never two calls at once in this process (a library with global state) */
       MRUN_OP_RANDOM = 4  /* uses host->seed: the page and `mrun ops` say so */
};
typedef struct mrun_op {
  uint32_t size, flags;
  const char *schema; /* see 8; the name is PLUGIN.operation, or TYPE.method */
  const char *doc;    /* Markdown; the first line is the summary that `mrun ops` lists */
  const char
      *signature; /* NULL, or the types that the function's code really takes, "Tensor,int[],str->Tensor": registration
                            fails where they differ from the schema (plugin.hpp fills this in) */
  mrun_op_fn call;
  void *user;
} mrun_op;

enum { /* mrun_type.flags */
       MRUN_TYPE_SHAREABLE =
           1 /* immutable: methods may run on several threads at once; values of it cross threads and workers.
                             Others stay in the Lua state that made them and are never called re-entrantly (MRUN_USAGE). */
};
/* Methods are operations whose name is TYPE.METHOD@N and whose first parameter is `TYPE self`. */
typedef struct mrun_type {
  uint32_t size, flags;
  const char *name; /* "text.SentencePiece" */
  const char *doc;
  void (*destroy)(void *self); /* any thread, once, never while a method runs */
  int (*to_tensor)(mrun_call *call, void *self,
                   mrun_value *tensor); /* may be NULL. Where given, the object stands for a
                             tensor that is computed on first need: the host calls this, once, wherever a Tensor is wanted */
} mrun_type;

/* Operations that are too many to register (ATen): looked up by name when a script first uses one, then cached for ever. */
typedef struct mrun_namespace {
  uint32_t size, flags;
  const char *prefix;  /* "aten." ; names here carry no @version: their meaning is the library's */
  const char *version; /* the library's, recorded in bundle.lock: "libtorch 1.13.1" */
  /* All overloads; *count 0: no such operation. Array and ops stay valid for ever. The host calls the one whose arguments need
     the least conversion: exact 0, number to float or Scalar 1, bool to Scalar 2, one T for a list of T 1, to Any 3; of equals
     the one whose overload name comes first. */
  int (*find)(const char *name, const mrun_op *const **overloads, size_t *count);
  const char *(*list)(size_t index); /* NULL past the end; for `mrun ops` */
} mrun_namespace;

typedef struct mrun_model_source {
  uint32_t size, flags;
  struct {
    const void *data;
    size_t size;
  } graph;                   /* the model's file; valid until close */
  const mrun_value *weights; /* NULL, or a map from name to tensor over the bundle's mapping, valid until close. Private
                                mapping, writable: a write costs a page of memory and is seen by this model alone */
  const mrun_value *options; /* map: bundle.toml's [models.NAME] without `file` */
  const char *device;        /* "cpu", "cuda:0" */
  int32_t one_shot;          /* not 0: one call is all there will be; skip warm-up and tuning */
} mrun_model_source;

typedef struct mrun_backend {
  uint32_t size, flags;
  const char *name;     /* "torch" */
  const char *suffixes; /* ".pt .pth" : which model files it opens, by name */
  int (*open)(mrun_call *call, const mrun_model_source *source, void **model);
  void (*close)(void *model);
  const char *(*method)(void *model,
                        size_t index); /* schema without version, "forward(Tensor ids) -> Tensor"; NULL past the end */
  /* May be called from several threads at once when `parallel` is not 0, else the host serializes. No Lua runs inside. */
  int (*call)(mrun_call *call, void *model, size_t method, const mrun_value *args, mrun_value *results);
  int32_t parallel;
  /* For packing; both may be NULL. split: graph becomes a 1-D uint8 tensor, weights a map of tensors that reference the model;
     MRUN_MISSING (with the reason) where this model cannot be split, and it is then packed whole. */
  int (*split)(mrun_call *call, const void *data, size_t size, mrun_value *graph, mrun_value *weights);
  /* What the host must know of a method, MRUN_MODEL_* together; NULL: nothing of the kind. */
  uint32_t (*traits)(void *model, size_t method);
  /* A copy in the state in which the model was opened, for one item; it shares what calls never write and is closed before
     the model is. NULL where no model of this backend keeps state. */
  int (*clone)(mrun_call *call, void *model, void **copy);
} mrun_backend;
enum {                        /* mrun_backend.traits */
       MRUN_MODEL_RANDOM = 1, /* draws random numbers, from host->seed: calls run one by one, never joined */
       MRUN_MODEL_STATEFUL =
           2, /* a call changes what later calls give: each item gets a clone of its own, calls are never joined */
       MRUN_MODEL_TRAINING =
           4 /* layers work as in training; packing refuses it unless [models.NAME] has training = true */
};

/* How a task waits; the struct is copied. */
enum {
  MRUN_AWAIT_ROWS =
      1 /* every tensor argument brings the same number of rows in dimension 0, every tensor result has them:
                             joined by rows whatever the method's [batch] mode; a call above max_size is split */
};
typedef struct mrun_await {
  uint32_t size, flags;
  void *state;
  int (*resume)(mrun_call *call, void *state, mrun_value *got, size_t count, mrun_value *results);
  void (*destroy)(void *state);
  const char *const *names; /* NULL, or one an argument: NULL for a positional one (these come first), else the parameter's name;
                               of a model's method only. Read before await returns */
} mrun_await;

/* ---- what the host offers; one table for the whole process ---------------------------------------------------------------- */

typedef struct mrun_host {
  uint32_t size, abi;
  const char *version; /* "1.0.0", for messages only */

  /* Registration: MRUN_OK, or a code after which mrun_plugin_init should return that code; the message is already noted. */
  int (*add_op)(mrun_registry *, const mrun_op *);
  int (*add_type)(mrun_registry *, const mrun_type *);
  int (*add_namespace)(mrun_registry *, const mrun_namespace *);
  int (*add_backend)(mrun_registry *, const mrun_backend *);

  /* Errors, log, stopping. fail returns its code; format is printf's, the text is cut after 2,000 bytes. log: at most 100 lines
     an item; level 0 debug .. 3 error.
     stopped: MRUN_OK, or MRUN_TIMEOUT, MRUN_CANCELLED: then return it soon. Costs a load; poll it at least every millisecond. */
  int (*fail)(mrun_call *, int code, const char *format, ...);
  void (*log)(mrun_call *, int level, const char *text);
  int (*stopped)(mrun_call *);

  /* Memory. alloc: 64-byte aligned, freed with release by any thread at any time. charge: bytes about to be (or, negative, no
     longer) used outside alloc; what is still charged when the call ends is given back. */
  int (*alloc)(mrun_call *, size_t bytes, void **memory);
  void (*release)(void *memory);
  int (*charge)(mrun_call *, int64_t bytes);

  /* Values. new_*: out is owned. tensor_new: row-major, not initialized. tensor_give takes over `dl` in every case, also when
     it fails. list_new, map_new copy the entries' owners (each given value is moved in and set to nil). Unsorted or duplicate
     keys: sorted, the last wins. string_new copies; invalid UTF-8 is MRUN_ARGUMENT. value_copy: the call may be NULL, there
     is then no message where it fails. */
  int (*tensor_new)(mrun_call *, DLDataType, const int64_t *shape, int32_t ndim, DLDevice, mrun_value *out);
  int (*tensor_give)(mrun_call *, DLManagedTensor *dl, mrun_value *out);
  int (*string_new)(mrun_call *, const char *data, size_t size, mrun_value *out);
  int (*list_new)(mrun_call *, mrun_value *items, size_t count, mrun_value *out);
  int (*map_new)(mrun_call *, mrun_entry *items, size_t count, mrun_value *out);
  int (*value_copy)(mrun_call *, const mrun_value *in, mrun_value *out);
  void (*value_free)(mrun_value *); /* sets it to nil; nil is fine */

  /* Objects. object_new takes over self in every case. object_get: NULL when the value is not an object of that type. */
  int (*object_new)(mrun_call *, const mrun_type *, void *self, mrun_value *out);
  void *(*object_get)(const mrun_value *, const mrun_type *);

  /* Calling back: a Lua function, a model's method or an operation. args are borrowed; *count is room on entry, results on
     return (room for fewer than it gives: the rest are dropped). An error in it, a time-out included, comes back as the code:
     release what you hold and return that code unchanged. The script may have called your plugin again before it returns. */
  int (*call)(mrun_call *, mrun_function *, const mrun_value *args, size_t nargs, mrun_value *results, size_t *count);
  /* Tasks: an operation that needs calls which other items' equal calls should join (a search). It calls await once and returns
     what await returned (MRUN_PENDING, or an error after which destroy has run). The host suspends the script, joins and runs the
     call, then calls resume on the item's script worker with a new mrun_call. resume writes `results` and returns MRUN_OK, awaits
     again with the same state, or fails (where that await fails, return its code; destroy runs after resume). A failed call (batch
     mates excluded) ends the task: resume is not called, destroy is, the error is raised in the script. Never called from inside
     await or another resume of the same state.
     args are moved in (set to nil) in every case; keep a tensor by value_copy first. got belongs to the task until resume returns:
     move an entry out by setting it to nil. The operation's own args, functions among them, and what find gave stay valid, and
     what was charged stays charged, until destroy. destroy: once, on that worker, after the last resume, no mrun_call.
     The function awaited may be a model's method (joined; its arguments are checked against its schema, defaults filled in), a Lua
     function (run as a coroutine, it may call models) or an operation.
     A Lua function run by `call` may not call models: MRUN_USAGE. */
  int (*await)(mrun_call *, mrun_function *, mrun_value *args, size_t nargs, const mrun_await *how);
  int (*find)(mrun_call *, const char *operation,
              mrun_function **out); /* "aten.topk", "image.resize@1"; valid in this call */

  /* Random numbers: the same for the same run seed, item number and draw, whatever the workers and batches. item: position
     in the batch where the call serves one (forward.lua), else 0. */
  int (*seed)(mrun_call *, size_t item, uint64_t *out);
  int32_t (*threads)(mrun_call *); /* how many threads the operation may keep busy, itself included; at least 1 */

  /* Marks a 1-D uint8 tensor that the caller owns as bytes of a media type ("image/png"): answers and --save name it. */
  int (*media_set)(mrun_call *, mrun_value *tensor, const char *media_type);
} mrun_host;

/* What the plugin says of itself: filled in by mrun_plugin_init; size and abi are set by the host before, overwritten by you. */
typedef struct mrun_plugin {
  uint32_t size, abi; /* sizeof(mrun_plugin), MRUN_ABI */
  const char *name;   /* [a-z][a-z0-9_]*: every operation and type is called NAME.something; scripts: require "NAME" */
  const char *version, *doc, *license;
  const char
      *lua; /* the text of the Lua module NAME, which `mrun pack` copies into the bundle as std/NAME.lua; NULL: the host
                         writes one, each operation under its own name, bound to its newest version */
  mrun_registry *registry; /* set by the host */
} mrun_plugin;

#if defined(_WIN32)
#define MRUN_EXPORT __declspec(dllexport)
#else
#define MRUN_EXPORT __attribute__((visibility("default")))
#endif
MRUN_EXPORT int mrun_plugin_init(const mrun_host *host, mrun_plugin *plugin);

#ifdef __cplusplus
}
#endif
#endif
