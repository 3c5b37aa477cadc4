/* mrun/types.h - what the host API (mrun.h) and the plugin ABI (plugin.h) share: codes, values, tensors. C99.
 *
 * One rule of ownership, everywhere: a `const mrun_value *` is borrowed and lives until the call that got it returns; a value
 * written through a `mrun_value *` out-parameter is owned by the caller, who frees it (mrun_value_free, host->value_free).
 * To keep a borrowed value, copy it: value_copy is a deep copy of lists and maps, shares tensors, strings and objects, and
 * costs no element copies. Values are plain structs: zero bytes are nil; moving one is a struct assignment.
 * Strings are `data, size`, are not zero-terminated and may hold zero bytes; texts are valid UTF-8.                        */
#ifndef MRUN_TYPES_H
#define MRUN_TYPES_H
#include <dlpack/dlpack.h> /* DLManagedTensor; kDLBool is code 6 also where this header is older */
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Codes are never renumbered; new ones are added at the end. The spelling in JSON answers is the name without MRUN_. */
typedef enum mrun_code {
  MRUN_PENDING = -1, /* not an error: the operation waits for a joined call (plugin.h, tasks) */
  MRUN_OK = 0,
  MRUN_USAGE = 1,    /* a call or option that can never work: NULL, wrong size, closed handle, unknown option */
  MRUN_INPUT = 2,    /* this item's input: missing file, wrong kind, not an image, invalid UTF-8 */
  MRUN_BUNDLE = 3,   /* not a bundle, damaged, newer format, bad manifest */
  MRUN_MISSING = 4,  /* an operation, plugin, asset, revision or weights the bundle names is not there */
  MRUN_ARGUMENT = 5, /* an operation was given a wrong argument (which, what came, what was wanted) */
  MRUN_SCRIPT = 6,   /* a Lua error, or a script that returned the wrong thing */
  MRUN_MODEL = 7,    /* the model threw, or returned something that cannot be split by item */
  MRUN_TIMEOUT = 8,
  MRUN_CANCELLED = 9,
  MRUN_MEMORY = 10,   /* Lua heap or address space */
  MRUN_QUOTA = 11,    /* tensor bytes, handles, output bytes, log rate */
  MRUN_IO = 12,       /* the system refused: disk full, permission, closed pipe */
  MRUN_VERIFY = 13,   /* a hash, signature or example differs */
  MRUN_PROTOCOL = 14, /* the worker process answered nonsense */
  MRUN_CRASH = 15,    /* the worker process died */
  MRUN_INTERNAL = 16  /* a bug in mrun or a plugin */
} mrun_code;

typedef enum mrun_kind {
  MRUN_NIL = 0,
  MRUN_BOOL = 1,
  MRUN_INT = 2,
  MRUN_FLOAT = 3,
  MRUN_STRING = 4,
  MRUN_TENSOR = 5,
  MRUN_LIST = 6,
  MRUN_MAP = 7,
  MRUN_OBJECT = 8, /* an instance of a plugin's type */
  MRUN_FUNCTION =
      9 /* a Lua function, model method or operation; only inside the call (or its task) that got it, only on its thread */
} mrun_kind;

typedef struct mrun_value mrun_value;
typedef struct mrun_entry mrun_entry;
typedef struct mrun_object mrun_object;
typedef struct mrun_function mrun_function;

enum { MRUN_READONLY = 1 }; /* flags, of a tensor: the memory is a bundle's mapping; writing to it is a crash */

struct mrun_value {
  uint32_t kind, flags;
  union {
    int32_t boolean;
    int64_t integer;
    double number;
    struct {
      const char *data;
      size_t size;
    } string;
    struct {
      const mrun_value *items;
      size_t size;
    } list;
    struct {
      const mrun_entry *items;
      size_t size;
    } map; /* by key, in byte order; keys are unique */
    struct {
      DLManagedTensor *dl;
      void *owner;
    } tensor; /* never call dl->deleter: the owner counts references */
    mrun_object *object;
    mrun_function *function;
  } as;
  void *owner; /* of string, list, map; NULL where borrowed or not needed */
};
struct mrun_entry {
  struct {
    const char *data;
    size_t size;
  } key;
  mrun_value value;
};

#ifdef __cplusplus
}
#endif
#endif
