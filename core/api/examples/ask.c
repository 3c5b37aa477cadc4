/* ask BUNDLE INPUT...: answers inputs as `mrun` does. The least that a host must do. */
#include <mrun/mrun.h>
#include <stdio.h>
#include <string.h>

static int complain(const char *about, mrun_error *error) {
  fprintf(stderr, "ask: %s: %s: %s\n", about, mrun_code_name(error->code), error->message);
  mrun_error_free(error);
  return 1;
}

static int answer(mrun_bundle *bundle, mrun_engine *engine, const char *text) {
  mrun_error error = {0, NULL, NULL};
  mrun_value input;
  mrun_item item;
  mrun_result result;
  int failed = 0;
  if (mrun_input(bundle, NULL, text, &input, &error)) return complain(text, &error); /* "@FILE" and paths are read */
  MRUN_INIT(item);
  item.json = 1;
  if (mrun_run(engine, &input, &item, &result) == MRUN_OK) {
    puts(result.json);
  } else {
    fprintf(stderr, "ask: %s: %s\n", result.stage, result.error.message);
    failed = 1;
  }
  mrun_result_free(&result);
  mrun_value_free(&input);
  return failed;
}

int main(int argc, char **argv) {
  mrun_error error = {0, NULL, NULL};
  mrun_bundle *bundle;
  mrun_engine *engine;
  int i, failed = 0;
  if (argc < 3) return fputs("usage: ask BUNDLE INPUT...\n", stderr), 2;
  if (mrun_open(argv[1], NULL, &bundle, &error)) return complain(argv[1], &error);
  if (mrun_start(bundle, NULL, &engine, &error)) {
    mrun_close(bundle);
    return complain(argv[1], &error);
  }
  for (i = 2; i < argc; ++i) failed |= answer(bundle, engine, argv[i]);
  mrun_stop(engine);
  mrun_close(bundle);
  return failed;
}
