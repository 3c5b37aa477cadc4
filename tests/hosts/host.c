/* A host that answers texts with a bundle. Other libraries are linked beside it, and some are used, before and after. */
#include <stdio.h>
#include <string.h>

#include "mrun/mrun.h"

#ifdef WITH_LUA
#include <lauxlib.h>
#include <lua.h>
/* What the host's own Lua says of itself. */
static int use(void) {
  lua_State *L = luaL_newstate();
  int wrong;
  if (!L) return 1;
  wrong = luaL_loadstring(L, "local t = {} for i = 1, 100 do t[i] = i end return #t") || lua_pcall(L, 0, 1, 0) ||
          lua_tonumber(L, -1) != 100;
  lua_close(L);
  return wrong;
}
#elif defined(WITH_OPENMP)
/* What the host's own threads add up. */
static int use(void) {
  long sum = 0, i;
#pragma omp parallel for reduction(+ : sum) num_threads(3)
  for (i = 1; i <= 1000; ++i) sum += i;
  return sum != 500500;
}
#else
static int use(void) { return 0; }
#endif

int main(int argc, char **argv) {
  mrun_bundle *bundle = NULL;
  mrun_engine *engine = NULL;
  mrun_error error = {0, NULL, NULL};
  mrun_options options;
  mrun_item item;
  int i, failed = use();
  MRUN_INIT(options);
  options.isolation = MRUN_ISOLATION_NONE;
  MRUN_INIT(item);
  item.json = 1;
  if (argc < 3) return 2;
  if (mrun_open(argv[1], NULL, &bundle, &error) || mrun_start(bundle, &options, &engine, &error)) {
    fprintf(stderr, "%s: %s\n", mrun_code_name(error.code), error.message);
    mrun_error_free(&error);
    mrun_close(bundle);
    return 3;
  }
  for (i = 2; i < argc; ++i) {
    mrun_value input = mrun_text(argv[i]);
    mrun_result result;
    if (mrun_run(engine, &input, &item, &result) == MRUN_OK) {
      puts(result.json);
    } else {
      fprintf(stderr, "%s in %s: %s\n", mrun_code_name(result.code), result.stage, result.error.message);
      failed = 1;
    }
    mrun_result_free(&result);
  }
  mrun_stop(engine);
  mrun_close(bundle);
  return failed || use();
}
