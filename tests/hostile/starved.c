/* starved BUNDLE: opens the bundle, starts an engine in this process and asks it, again and again; each time one allocation more succeeds
 * before one fails, of whatever thread. Each try gives MEMORY, or the answer; after it, with memory enough, the answer comes. Prints how many
 * allocations there were at the end, and the number of tries that failed.
 * starved BUNDLE lasting STEP: the same, and all allocations behind the one that fails fail, too, until the call returns; each STEP-th of them.
 * starved BUNDLE process PROCESSES FIRST MOST: asks an engine with worker processes, which lives on, for an item by itself and for many at
 * once, where one of the allocations FIRST to MOST of this process fails. Prints how many tries there were.
 * starved BUNDLE misused: calls what is to be refused, while each allocation in turn fails: it is refused all the same.
 * starved BUNDLE large: asks an engine with a worker process for what there is no memory to send; then for something else. */
#include <errno.h>
#include <mrun/mrun.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_long left = -1; /* allocations until one fails; negative: none does */

static int lasting;          /* those behind it fail, too */
static atomic_long failures; /* that there were */
static atomic_size_t most_at_once = SIZE_MAX;

static int fails(size_t size) {
  if (size > atomic_load(&most_at_once)) {
    errno = ENOMEM;
    return 1;
  }
  long before = atomic_load(&left);
  while (before >= 0 && (before > 0 || !lasting) && !atomic_compare_exchange_weak(&left, &before, before - 1)) continue;
  if (before != 0) return 0;
  atomic_fetch_add(&failures, 1);
  errno = ENOMEM;
  return 1;
}

__attribute__((visibility("default"))) void *malloc(size_t n) { return fails(n) ? NULL : __libc_malloc(n); }
__attribute__((visibility("default"))) void *calloc(size_t n, size_t size) {
  return fails(n * size) ? NULL : __libc_calloc(n, size);
}
__attribute__((visibility("default"))) void *realloc(void *p, size_t n) {
  return fails(n) ? NULL : __libc_realloc(p, n);
}
__attribute__((visibility("default"))) void *aligned_alloc(size_t alignment, size_t n) {
  return fails(n) ? NULL : __libc_memalign(alignment, n);
}

/* The answer, or the code of what failed. */
static int ask(const char *path, char *answer, size_t size) {
  mrun_bundle *bundle = NULL;
  mrun_engine *engine = NULL;
  mrun_error error = {0};
  mrun_result result = {0};
  mrun_value input = mrun_text("some words");
  mrun_options options;
  mrun_item item;
  int code;
  MRUN_INIT(options);
  MRUN_INIT(item);
  options.isolation = MRUN_ISOLATION_NONE;
  options.workers = 1;
  item.json = 1;
  *answer = '\0';
  code = mrun_open(path, NULL, &bundle, &error);
  if (code == MRUN_OK) code = mrun_start(bundle, &options, &engine, &error);
  if (code == MRUN_OK) {
    code = mrun_run(engine, &input, &item, &result);
    snprintf(answer, size, "%s", result.json == NULL ? "" : result.json);
    mrun_result_free(&result);
  }
  mrun_error_free(&error);
  mrun_stop(engine);
  mrun_close(bundle);
  return code;
}

static void note(void *user, mrun_result *result) { *(int *)user = result->code; }

/* The number of what went wrong, 0 if nothing did. */
static int ask_for_much(const char *path) {
  enum { size = 1 << 20 };
  static char text[size + 1];
  mrun_bundle *bundle = NULL;
  mrun_engine *engine = NULL;
  mrun_options options;
  mrun_result alone, after;
  mrun_value texts[4], much = {0}, little = mrun_text("x");
  int told = -1, submitted, drained;
  MRUN_INIT(options);
  options.isolation = MRUN_ISOLATION_PROCESS;
  memset(text, 'x', size);
  for (size_t i = 0; i < 4; ++i) texts[i] = mrun_text(text);
  much.kind = MRUN_LIST;
  much.as.list.items = texts;
  much.as.list.size = 4;
  if (mrun_open(path, NULL, &bundle, NULL) || mrun_start(bundle, &options, &engine, NULL)) return 1;
  atomic_store(&most_at_once, 2 * size);
  mrun_run(engine, &much, NULL, &alone);
  submitted = mrun_submit(engine, &much, NULL, -1, note, &told, NULL);
  drained = mrun_drain(engine);
  atomic_store(&most_at_once, SIZE_MAX);
  if (alone.code != MRUN_MEMORY || submitted != MRUN_OK || drained != MRUN_OK || told != MRUN_MEMORY) return 2;
  if (mrun_run(engine, &little, NULL, &after) != MRUN_OK) return 3;
  mrun_result_free(&alone);
  mrun_result_free(&after);
  mrun_stop(engine);
  mrun_close(bundle);
  return 0;
}

static void count(void *user) { ++*(int *)user; }

/* The number of what went wrong, 0 if nothing did. */
static int misuse(const char *path) {
  static const char what[] = "a part of a bundle that no bundle has: its name wants memory";
  static const char none[] = "what is no bundle";
  mrun_bundle *bundle = NULL, *other = NULL;
  mrun_value *nothing = NULL;
  char *json = NULL;
  if (mrun_open(path, NULL, &bundle, NULL) != MRUN_OK) return 1;
  for (long n = 0; n < 60; ++n) {
    int released = 0, code;
    atomic_store(&left, n);
    if (mrun_open(NULL, NULL, &other, NULL) != MRUN_USAGE) return 2;
    atomic_store(&left, n);
    if (mrun_list(nothing, 3, nothing) == MRUN_OK) return 3;
    atomic_store(&left, n);
    code = mrun_inspect(bundle, what, &json, NULL);
    if (code == MRUN_OK || code == MRUN_INTERNAL) return 4;
    atomic_store(&left, n);
    code = mrun_open_memory(none, sizeof none, count, &released, NULL, &other, NULL);
    atomic_store(&left, -1);
    if (code == MRUN_OK || code == MRUN_INTERNAL || other != NULL) return 5;
    if (released != 1) return 6;
  }
  mrun_close(bundle);
  return 0;
}

/* ---- an engine with worker processes, of whose threads here any may find no memory */

enum { many = 3 };
struct told {
  atomic_int times, code;
  atomic_int right; /* the answer, if there is one */
};
static char expected[200];
static long rest; /* of `left`, when the last was asked */

static void tell(void *user, mrun_result *result) {
  struct told *told = user;
  atomic_store(&told->code, result->code);
  atomic_store(&told->right, result->json != NULL && strcmp(result->json, expected) == 0);
  atomic_fetch_add(&told->times, 1);
}

static void see(void *user, const mrun_value *partial) {
  (void)partial;
  atomic_fetch_add((atomic_int *)user, 1);
}

static int is_fair(int code, int right, int starved) {
  return (code == MRUN_OK && right) || (starved && code == MRUN_MEMORY);
}

/* One item by itself, then many. The number of what went wrong, 0 if nothing did. */
static int ask_all(mrun_engine *engine, int starved) {
  struct told told[many] = {0};
  int submitted[many], alone, right, drained;
  atomic_int seen = 0;
  mrun_value input = mrun_text("some words");
  mrun_result result = {0};
  mrun_item item;
  MRUN_INIT(item);
  item.json = 1;
  item.emit = see;
  item.emit_user = &seen;
  alone = mrun_run(engine, &input, &item, &result);
  right = result.json != NULL && strcmp(result.json, expected) == 0;
  mrun_result_free(&result);
  for (int i = 0; i < many; ++i) submitted[i] = mrun_submit(engine, &input, &item, -1, tell, &told[i], NULL);
  drained = mrun_drain(engine);
  rest = atomic_exchange(&left, -1);
  if (drained != MRUN_OK && (!starved || drained != MRUN_MEMORY || mrun_drain(engine) != MRUN_OK)) return 1;
  if (!is_fair(alone, right, starved)) return 1000 + alone;
  for (int i = 0; i < many; ++i) {
    if (submitted[i] != MRUN_OK && (!starved || submitted[i] != MRUN_MEMORY)) return 2000 + submitted[i];
    if (atomic_load(&told[i].times) != (submitted[i] == MRUN_OK)) return 3;
    if (submitted[i] == MRUN_OK && !is_fair(told[i].code, told[i].right, starved)) return 3000 + told[i].code;
  }
  return 0;
}

static int start(mrun_bundle *bundle, int processes, mrun_engine **engine) {
  mrun_options options;
  int code;
  MRUN_INIT(options);
  options.isolation = MRUN_ISOLATION_PROCESS;
  options.processes = processes;
  options.workers = processes;
  code = mrun_start(bundle, &options, engine, NULL);
  return code == MRUN_OK ? mrun_ordered(*engine, 1) : code;
}

static int complain(long n, int wrong) {
  fprintf(stderr, "allocation %ld: %d\n", n, wrong);
  return 1;
}

/* The engine lives on. 0: all went well. */
static int starve_items(mrun_bundle *bundle, int processes, long first, long most, long *tries) {
  mrun_engine *engine = NULL;
  if (start(bundle, processes, &engine) != MRUN_OK) return 2;
  for (long n = first; n < most; ++n) {
    int wrong;
    atomic_store(&left, n);
    wrong = ask_all(engine, 1);
    if (wrong != 0) return complain(n, wrong);
    if (rest >= 0) break; /* it never came so far */
    ++*tries;
    wrong = ask_all(engine, 0);
    if (wrong != 0) return complain(n, wrong);
  }
  return mrun_stop(engine);
}

static int starve_processes(const char *path, int processes, long first, long most) {
  mrun_bundle *bundle = NULL;
  long tries = 0;
  if (ask(path, expected, sizeof expected) != MRUN_OK || mrun_open(path, NULL, &bundle, NULL) != MRUN_OK) return 2;
  if (starve_items(bundle, processes, first, most, &tries) != 0) return 1;
  mrun_close(bundle);
  printf("%ld tries\n", tries);
  return 0;
}

int main(int argc, char **argv) {
  char wanted[200], answer[200];
  long tries = 0, failed = 0, most = 0;
  if (argc == 6 && strcmp(argv[2], "process") == 0)
    return starve_processes(argv[1], atoi(argv[3]), atol(argv[4]), atol(argv[5]));
  if (argc == 3 && strcmp(argv[2], "misused") == 0) return misuse(argv[1]);
  if (argc == 3 && strcmp(argv[2], "large") == 0) return ask_for_much(argv[1]);
  lasting = argc == 4 && strcmp(argv[2], "lasting") == 0;
  if ((argc != 2 && !lasting) || ask(argv[1], wanted, sizeof wanted) != MRUN_OK) return 2;
  for (long n = 0;; n += lasting ? atol(argv[3]) : 1) {
    int code;
    atomic_store(&failures, 0);
    atomic_store(&left, n);
    code = ask(argv[1], answer, sizeof answer);
    most = n;
    atomic_store(&left, -1);
    if (atomic_load(&failures) == 0) break; /* it never came so far */
    ++tries;
    if (code == MRUN_OK && strcmp(answer, wanted) == 0) continue; /* nothing was lost */
    ++failed;
    if (code != MRUN_MEMORY || ask(argv[1], answer, sizeof answer) != MRUN_OK || strcmp(answer, wanted) != 0) {
      fprintf(stderr, "allocation %ld: code %s, then %s\n", n, mrun_code_name(code), answer);
      return 1;
    }
  }
  printf("%ld allocations, %ld tries, %ld failed\n", most, tries, failed);
  return 0;
}
