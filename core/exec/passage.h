// Passage: the way of one item through a bundle, as something that can be put aside.
//
//   input -> preprocess -> forward -> postprocess -> answer
//
// A stage has a beginning, begin_STAGE, and an end, which takes what it gave. What lies between is a coroutine
// of the state (where the bundle has the stage's file) or, in a forward without a file, a single model call. Whoever
// drives a passage calls step() until it is done: at `waiting` the model call is there to be joined with others, give()
// brings what came of it. Everything but give() happens on the state's thread, destruction included.
#pragma once
#include <chrono>
#include <memory>
#include <optional>

#include "exec/batch/call.h"
#include "exec/loaded.h"
#include "value/root.h"

namespace mrun {

class Passage {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Step { done, waiting, preempted };

  // All of them must outlive the passage. skip_emits: so many partial answers have been sent by an earlier passage of the
  // item, and are not sent again. last_moment: when it must have been answered, waiting included; nanoseconds of the steady
  // clock.
  Passage(const Loaded &, State &, const Work &, std::shared_ptr<ItemContext>, int64_t skip_emits = 0,
          int64_t last_moment = std::numeric_limits<int64_t>::max());
  ~Passage();
  Passage(const Passage &) = delete;
  Passage &operator=(const Passage &) = delete;

  // Runs to the next model call, the end of the slice, or the end. Never throws: a failure is the result's error. now: from
  // when its time counts.
  Step step(Clock::time_point now);

  bool waits() const { return call_.has_value(); }
  // While it waits. The model is the item's own copy where it keeps state.
  const PendingCall &call() const { return *call_; }
  Model &model();
  ItemContext &item() { return *item_; }

  // What came of the call; step() goes on with it. Any thread, while it waits.
  void give(Outcome);

  // An item's time is its slices and its share of joined calls. Around a joined call of `sharers` items:
  void begin_share(int sharers, Clock::time_point now);
  void end_share(int sharers, Clock::time_point now, double waited);  // waited: seconds before it began
  Clock::time_point ended() const { return began_; }                  // the last slice or share

  Result &result() { return result_; }  // once done
  int64_t emits() const { return emits_; }
  const char *stage() const;  // "preprocess", for the trace

 private:
  enum class At { input, preprocess, forward, postprocess, answer, end };
  // Each returns true where the stage waits for its coroutine or its call, false where it has ended at once.
  bool begin();
  bool begin_stage(Stage, std::vector<Value> args);
  void emit(Value);
  bool begin_input();
  bool begin_forward();
  bool begin_answer();
  void end(std::vector<Value> results);
  Step go_on();
  std::optional<Step> run_fiber();
  void say_which_limit(Error &) const;
  void fail_with(Error) noexcept;
  void prepare_call();
  void limit(double seconds, int sharers, Clock::time_point now);
  void credit(int sharers, Clock::time_point now);
  void stop_clock(int sharers, Clock::time_point now);
  double *time_of_stage();

  const Loaded &loaded_;
  State &state_;
  const Work &work_;
  const std::shared_ptr<ItemContext> item_;
  std::vector<std::unique_ptr<Model>> fresh_;  // of stateful models, one a model; null for the others
  At at_ = At::input;                          // the stage that runs or comes next
  bool begun_ = false;                         // it has begun and not ended
  std::unique_ptr<Fiber> fiber_;               // its coroutine, where it has one; before the state in which it lives
  std::optional<PendingCall> call_;            // while it waits
  std::string spare_key_;                      // memory for the next one's
  std::optional<Outcome> given_;               // to the waiting call
  int watched_ = -1;                           // its place, while it runs
  Value x_, context_, output_;
  Result result_;
  double seconds_ = 0;                 // taken so far, without waiting: what the limit is for
  Clock::time_point began_;            // since when the time is not credited yet: the slice's or share's begin or end
  int64_t emits_ = 0, emitted_ = 0;    // how many, and their bytes
  const uint64_t root_ = next_root();  // of its input's tensors
  const int64_t skip_emits_, last_moment_;
};

}  // namespace mrun
