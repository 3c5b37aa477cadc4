/* A program that lives on: host GOOD [--cut] BAD... opens and reads each BAD, prints "CODE message" of what refused it, or "OK", and after
 * each the answer of GOOD, in the same process. With --cut each BAD is read from memory, cut at every length. Ends with the number of
 * descriptors that were left behind. */
#include <dirent.h>
#include <mrun/mrun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int descriptors(void) {
  int n = 0;
  DIR *folder = opendir("/proc/self/fd");
  while (folder != NULL && readdir(folder) != NULL) ++n;
  if (folder != NULL) closedir(folder);
  return n;
}

/* Everything that only reads: the structure and all hashes, each part of inspect, the revisions. */
static int look(int code, mrun_bundle *bundle, mrun_error *error) {
  char *text = NULL;
  if (code == MRUN_OK) code = mrun_inspect(bundle, NULL, &text, error);
  mrun_free(text);
  text = NULL;
  if (code == MRUN_OK) code = mrun_log(bundle, &text, error);
  mrun_free(text);
  mrun_close(bundle);
  return code;
}

static void say(int code, mrun_error *error) {
  printf("%s %s\n", mrun_code_name(code), error->message == NULL ? "" : error->message);
  mrun_error_free(error);
}

static void answer(const char *path) {
  mrun_bundle *bundle = NULL;
  mrun_engine *engine = NULL;
  mrun_error error = {0};
  mrun_result result = {0};
  mrun_value input = mrun_text("x");
  mrun_options options;
  mrun_item item;
  MRUN_INIT(options);
  options.isolation = MRUN_ISOLATION_NONE; /* what opens a file is this process in any case */
  MRUN_INIT(item);
  item.json = 1;
  if (mrun_open(path, NULL, &bundle, &error) || mrun_start(bundle, &options, &engine, &error)) {
    say(error.code, &error);
  } else {
    mrun_run(engine, &input, &item, &result);
    printf("%s\n", result.json);
    mrun_result_free(&result);
  }
  mrun_stop(engine);
  mrun_close(bundle);
}

/* How many lengths were taken for a whole bundle. */
static size_t cut(const char *path) {
  size_t taken = 0, size;
  FILE *file = fopen(path, "rb");
  static char bytes[1 << 20];
  size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  for (size_t n = 0; n < size; ++n) {
    char *copy = malloc(n + 1); /* exactly as long, so that a sanitizer sees a read past its end */
    mrun_bundle *bundle = NULL;
    mrun_error error = {0};
    memcpy(copy, bytes, n);
    taken += mrun_open_memory(copy, n, free, copy, NULL, &bundle, &error) == MRUN_OK;
    mrun_error_free(&error);
    mrun_close(bundle);
  }
  return taken;
}

int main(int argc, char **argv) {
  const int cutting = argc > 2 && strcmp(argv[2], "--cut") == 0;
  int before;
  answer(argv[1]); /* what a library keeps open from its first use on is no leak */
  before = descriptors();
  for (int i = 2 + cutting; i < argc; ++i) {
    mrun_open_options options;
    mrun_bundle *bundle = NULL;
    mrun_error error = {0};
    MRUN_INIT(options);
    options.verify = 1;
    if (cutting) {
      printf("%zu\n", cut(argv[i]));
    } else {
      const int code = mrun_open(argv[i], &options, &bundle, &error);
      say(look(code, bundle, &error), &error);
    }
    answer(argv[1]);
  }
  printf("%d\n", descriptors() - before);
  return 0;
}
