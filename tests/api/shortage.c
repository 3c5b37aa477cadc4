/* Memory that ends while a host calls: shortage BUNDLE TEXT LAST STEP [ready]. For 0, STEP … LAST bytes, a new thread that can
 * have no more than these opens a bundle, starts and runs it, and makes calls that fail. Each gives MEMORY, or what it gives
 * with memory; none ends the process. Prints in how many rounds a call failed for memory.
 * ready: the thread has done the same with memory before. The C library ends the process where there is none for the
 * thread-local data of a library (libtorch's), which it makes when a thread first comes there. */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <mrun/mrun.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The C library's own, behind the ones below, which take their place in this process. */
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

static const long no_limit = LONG_MAX / 2;
static __thread long left = LONG_MAX / 2; /* bytes that this thread can have */

static void *take(void *p) {
  const long size = p ? (long)malloc_usable_size(p) : 0;
  if (size <= left) return left -= size, p;
  __libc_free(p);
  errno = ENOMEM;
  return NULL;
}

#pragma GCC visibility push(default) /* the libraries are to find them */
void *malloc(size_t size) { return take(__libc_malloc(size)); }
void *calloc(size_t n, size_t size) { return take(__libc_calloc(n, size)); }
void free(void *p) {
  if (p) left += (long)malloc_usable_size(p);
  __libc_free(p);
}
void *realloc(void *old, size_t size) {
  if (old == NULL || size == 0) return free(old), size ? malloc(size) : NULL;
  const long had = (long)malloc_usable_size(old);
  if ((long)size - had > left) return errno = ENOMEM, NULL;
  void *p = __libc_realloc(old, size);
  if (p) left += had - (long)malloc_usable_size(p);
  return p;
}
#pragma GCC visibility pop

static const char *path, *text;
static char *answer; /* of the first run, with memory */
static int failed, wrong;

/* What a call gave where `wanted` is what it gives with memory. */
static void check(const char *call, int code, int wanted) {
  failed += code == MRUN_MEMORY;
  if (code == wanted || code == MRUN_MEMORY) {
    if (code != MRUN_OK && mrun_last_error()->code != code) ++wrong, fprintf(stderr, "%s: no last error\n", call);
    return;
  }
  ++wrong;
  const char *message = mrun_last_error()->message;
  fprintf(stderr, "%s: %s, not %s: %s\n", call, mrun_code_name(code), mrun_code_name(wanted), message ? message : "");
}

static void ask(long bytes) {
  mrun_bundle *bundle = NULL, *none = NULL;
  mrun_engine *engine = NULL;
  mrun_result result;
  mrun_value input = mrun_text(text);
  mrun_options options;
  mrun_item item;
  char *json = NULL;
  MRUN_INIT(options);
  MRUN_INIT(item);
  item.json = 1;
  options.workers = 1;
  left = bytes;
  check("mrun_pack", mrun_pack(NULL, NULL, NULL, NULL, NULL), MRUN_USAGE);
  check("mrun_open of nothing", mrun_open("/nonexistent", NULL, &none, NULL), MRUN_BUNDLE);
  check("mrun_open", mrun_open(path, NULL, &bundle, NULL), MRUN_OK);
  if (bundle) {
    check("mrun_inspect", mrun_inspect(bundle, NULL, &json, NULL), MRUN_OK);
    check("mrun_start", mrun_start(bundle, &options, &engine, NULL), MRUN_OK);
  }
  if (engine) {
    const int code = mrun_run(engine, &input, &item, &result);
    failed += code == MRUN_MEMORY;
    if (code == MRUN_OK && answer == NULL) answer = strdup(result.json);
    if (code == MRUN_OK && strcmp(answer, result.json) != 0) {
      ++wrong, fprintf(stderr, "mrun_run: %s, not %s\n", result.json, answer);
    }
    if (code != MRUN_OK && code != MRUN_MEMORY) {
      ++wrong, fprintf(stderr, "mrun_run: %s: %s\n", mrun_code_name(code), result.error.message);
    }
    mrun_result_free(&result);
    mrun_stop(engine);
  }
  mrun_free(json);
  mrun_close(bundle);
  left = no_limit;
}

static int ready;

static void *host(void *bytes) {
  if (ready) ask(no_limit);
  ask(*(long *)bytes);
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 5 && (argc != 6 || strcmp(argv[5], "ready") != 0)) return 2;
  ready = argc == 6;
  path = argv[1], text = argv[2];
  const long last = atol(argv[3]), step = atol(argv[4]);
  int rounds = 0;
  ask(no_limit); /* plugins are loaded with memory */
  for (long bytes = 0; bytes <= last; bytes += step) {
    pthread_t thread;
    failed = 0;
    if (pthread_create(&thread, NULL, host, &bytes)) return 2;
    pthread_join(thread, NULL);
    rounds += failed > 0;
  }
  failed = 0; /* with memory, all is well again */
  ask(no_limit);
  printf("%d\n", rounds);
  return wrong || failed ? 1 : 0;
}
