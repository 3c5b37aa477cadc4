/* Lets go of everything in every order: lifetime BUNDLE, whose answer has a tensor "a" over the bundle's mapping. After each
 * step what is left is used. A sanitizer build says more than this does. */
#include <mrun/mrun.h>
#include <stdio.h>
#include <string.h>

enum { BUNDLE, FIRST, SECOND, FILE_BYTES, ANSWER, EXPORTED, COUNT };

struct held {
  mrun_bundle *bundle;
  mrun_engine *engines[2];
  mrun_value bytes; /* of mrun_read */
  mrun_result answer;
  DLManagedTensor *exported; /* of the answer's tensor */
  int alive[COUNT];
};

static unsigned sum(const DLTensor *t) {
  const unsigned char *at = (const unsigned char *)t->data + t->byte_offset;
  unsigned s = 0;
  for (int64_t i = 0; i < t->shape[0]; i += 4096) s += at[i];
  return s;
}

static int make(const char *path, struct held *h) {
  mrun_value input = mrun_text("x");
  mrun_options options;
  MRUN_INIT(options);
  options.isolation = MRUN_ISOLATION_NONE; /* a worker's answer holds no mapping */
  memset(h, 0, sizeof *h);
  int code = mrun_open(path, NULL, &h->bundle, NULL);
  for (int i = 0; i < 2 && !code; ++i) code = mrun_start(h->bundle, &options, &h->engines[i], NULL);
  if (!code) code = mrun_read(h->bundle, "preprocess.lua", &h->bytes, NULL);
  if (!code) code = mrun_run(h->engines[0], &input, NULL, &h->answer);
  if (!code) code = mrun_tensor_export(mrun_get(&h->answer.answer, "a"), &h->exported);
  for (int i = 0; i < COUNT; ++i) h->alive[i] = 1;
  return code;
}

static void let_go(struct held *h, int what) {
  h->alive[what] = 0;
  switch (what) {
    case BUNDLE: mrun_close(h->bundle); break;
    case FIRST: mrun_stop(h->engines[0]); break;
    case SECOND: mrun_stop(h->engines[1]); break;
    case FILE_BYTES: mrun_value_free(&h->bytes); break;
    case ANSWER: mrun_result_free(&h->answer); break;
    default: h->exported->deleter(h->exported);
  }
}

static int use(struct held *h, unsigned wanted) {
  mrun_value input = mrun_text("y");
  if (h->alive[BUNDLE] && strlen(mrun_digest(h->bundle)) != 64) return 1;
  for (int i = 0; i < 2; ++i) {
    mrun_result again;
    if (!h->alive[FIRST + i]) continue;
    if (mrun_run(h->engines[i], &input, NULL, &again)) return 1;
    const int same = sum(&mrun_get(&again.answer, "a")->as.tensor.dl->dl_tensor) == wanted;
    mrun_result_free(&again);
    if (!same) return 1;
  }
  if (h->alive[FILE_BYTES] && memcmp(h->bytes.as.tensor.dl->dl_tensor.data, "local", 5)) return 1;
  if (h->alive[ANSWER] && sum(&mrun_get(&h->answer.answer, "a")->as.tensor.dl->dl_tensor) != wanted) return 1;
  return h->alive[EXPORTED] && sum(&h->exported->dl_tensor) != wanted;
}

/* The order `number` of COUNT! */
static void order(int number, int *out) {
  int left[COUNT];
  for (int i = 0; i < COUNT; ++i) left[i] = i;
  for (int n = COUNT; n > 0; --n) {
    const int at = number % n;
    number /= n;
    *out++ = left[at];
    memmove(left + at, left + at + 1, sizeof(int) * (size_t)(n - at - 1));
  }
}

int main(int argc, char **argv) {
  int orders = 1;
  if (argc != 2) return 2;
  for (int i = 2; i <= COUNT; ++i) orders *= i;
  for (int number = 0; number < orders; ++number) {
    struct held h;
    int steps[COUNT];
    if (make(argv[1], &h)) return 3;
    const unsigned wanted = sum(&h.exported->dl_tensor);
    order(number, steps);
    for (int i = 0; i < COUNT; ++i) {
      let_go(&h, steps[i]);
      if (use(&h, wanted)) {
        fprintf(stderr, "order %d, step %d: what is left is not as it was\n", number, i);
        return 1;
      }
    }
  }
  printf("%d\n", orders);
  return 0;
}
