/* starved BUNDLE: opens the bundle, starts an engine in this process and asks it, again and again; each time one allocation more succeeds
 * before one fails, of whatever thread. Each try gives an error, or the answer; after it, with memory enough, the answer comes. Prints how many
 * allocations there were at the end, and the number of tries that failed. */
#include <errno.h>
#include <mrun/mrun.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_long left = -1; /* allocations until one fails; negative: none does */

static int fails(void) {
  if (atomic_load(&left) < 0 || atomic_fetch_sub(&left, 1) != 0) return 0;
  errno = ENOMEM;
  return 1;
}

__attribute__((visibility("default"))) void *malloc(size_t n) { return fails() ? NULL : __libc_malloc(n); }
__attribute__((visibility("default"))) void *calloc(size_t n, size_t size) {
  return fails() ? NULL : __libc_calloc(n, size);
}
__attribute__((visibility("default"))) void *realloc(void *p, size_t n) {
  return fails() ? NULL : __libc_realloc(p, n);
}
__attribute__((visibility("default"))) void *aligned_alloc(size_t alignment, size_t n) {
  return fails() ? NULL : __libc_memalign(alignment, n);
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

int main(int argc, char **argv) {
  char wanted[200], answer[200];
  long tries = 0, failed = 0, most = 0;
  if (argc != 2 || ask(argv[1], wanted, sizeof wanted) != MRUN_OK) return 2;
  for (long n = 0;; ++n) {
    int code;
    atomic_store(&left, n);
    code = ask(argv[1], answer, sizeof answer);
    most = n;
    if (atomic_exchange(&left, -1) >= 0) break; /* it never came so far */
    ++tries;
    if (code == MRUN_OK && strcmp(answer, wanted) == 0) continue; /* nothing was lost */
    ++failed;
    if (code == MRUN_OK || code == MRUN_INTERNAL || ask(argv[1], answer, sizeof answer) != MRUN_OK ||
        strcmp(answer, wanted) != 0) {
      fprintf(stderr, "allocation %ld: code %s, then %s\n", n, mrun_code_name(code), answer);
      return 1;
    }
  }
  printf("%ld allocations, %ld tries, %ld failed\n", most, tries, failed);
  return 0;
}
