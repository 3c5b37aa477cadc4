#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <thread>

#include "catch.h"
#include "support.h"

using mrun::Tensor;
using mrun::Value;

namespace {

const mrun::OperationSet &set(const std::string &name) { return test::registry().require(name); }

using Keywords = std::vector<std::pair<std::string, Value>>;

std::vector<Value> call(mrun_call &raw, const std::string &name, const std::vector<Value> &args,
                        const Keywords &keywords = {}) {
  std::vector<mrun_value> given;
  for (const Value &a : args) given.push_back(a.c());
  const Value names = keywords.empty() ? Value() : Value::map(keywords);
  return mrun::call_operation(set(name), raw, given, names.c()).values;
}

std::vector<Value> call(const std::string &name, const std::vector<Value> &args, const Keywords &keywords = {}) {
  test::Call c;
  return call(c.raw, name, args, keywords);
}

mrun::Error error_of(const std::string &name, const std::vector<Value> &args, const Keywords &keywords = {}) {
  try {
    call(name, args, keywords);
  } catch (const mrun::Error &e) { return e; }
  return mrun::Error(MRUN_OK, "");
}

template <class T>
Tensor tensor(DLDataType type, const mrun::Shape &shape, std::initializer_list<T> values) {
  const Tensor t = Tensor::empty(type, shape);
  std::copy(values.begin(), values.end(), t.data<T>());
  return t;
}
Tensor floats(const mrun::Shape &shape, std::initializer_list<float> v) {
  return tensor<float>(mrun::dtype::float32, shape, v);
}
Tensor integers(const mrun::Shape &shape, std::initializer_list<int64_t> v) {
  return tensor<int64_t>(mrun::dtype::int64, shape, v);
}

template <class T>
std::vector<T> elements(const Value &v) {
  const Tensor t = v.as_tensor().contiguous();
  return {t.data<T>(), t.data<T>() + t.numel()};
}

Value number(double x) { return Value::number(x); }
Value list(std::vector<Value> v) { return Value::list(std::move(v)); }
Value text(const char *s) { return Value::string(s); }

const Tensor &x() {
  static const Tensor t = floats({2, 3}, {1, 5, 3, 9, 2, 4});
  return t;
}

}  // namespace

TEST_CASE("every operation that torch.lua names exists, with schemas that the core understands", "[aten]") {
  const std::string &lua = test::registry().plugin("torch")->lua;
  const std::string mark = "native \"";
  size_t count = 0;
  for (size_t at = lua.find(mark); at != std::string::npos; at = lua.find(mark, at + 1), ++count) {
    const size_t from = at + mark.size();
    const std::string name = lua.substr(from, lua.find('"', from) - from);
    INFO(name);
    if (name.starts_with("core.")) continue;  // of the core itself, which a script's state brings
    CHECK(test::registry().find(name) != nullptr);
  }
  CHECK(count > 600);
}

TEST_CASE("schemas are written in the core's notation", "[aten]") {
  CHECK(set("aten.softmax").overloads[0]->schema.text() ==
        "aten.softmax:int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor");
  CHECK(set("aten.index").overloads[0]->schema.text() == "aten.index:Tensor(Tensor self, Tensor?[] indices) -> Tensor");
  CHECK(set("aten.relu_").overloads[0]->schema.text() == "aten.relu_(Tensor(a!) self) -> Tensor");
  CHECK(test::registry().library_version("aten.softmax").substr(0, 9) == "libtorch ");
}

TEST_CASE("what reaches files, storage, raw memory or hidden state is no operation", "[aten]") {
  for (const char *name : {"from_file",
                           "set_",
                           "resize_",
                           "empty",
                           "empty_like",
                           "new_empty",
                           "as_strided",
                           "slice_inverse",
                           "unsafe_split",
                           "transpose_",
                           "detach_",
                           "rename",
                           "softmax_backward_data",
                           "mkldnn_convolution",
                           "quantize_per_tensor",
                           "to_sparse",
                           "record_stream",
                           "requires_grad_",
                           "pin_memory",
                           "dropout",
                           "rrelu_with_noise",
                           "_cat",
                           "lu_solve",
                           "ctc_loss",
                           "native_batch_norm",
                           "no_such_operator",
                           "softmax.int",
                           ""}) {
    INFO(name);
    CHECK(test::registry().find(std::string("aten.") + name) == nullptr);
  }
}

TEST_CASE("out= forms, named dimensions and hidden parameters are not offered", "[aten]") {
  for (const mrun::Operation *op : set("aten.max").overloads)
    CHECK(op->schema.overload.find("out") == std::string::npos);
  for (const mrun::Operation *op : set("aten.sum").overloads) CHECK(op->schema.overload != "dim_DimnameList");
  for (const mrun::Operation *op : set("aten.rand").overloads) {
    CHECK(op->schema.text().find("Generator") == std::string::npos);
    CHECK(op->schema.text().find("layout") == std::string::npos);
    CHECK((op->op->flags & MRUN_OP_RANDOM) != 0);
  }
  CHECK((set("aten.softmax").overloads[0]->op->flags & MRUN_OP_RANDOM) == 0);
}

TEST_CASE("the cheapest overload is called", "[aten]") {
  const auto by_dim = call("aten.max", {x(), number(1)});
  REQUIRE(by_dim.size() == 2);
  CHECK(elements<float>(by_dim[0]) == std::vector<float>{5, 9});
  CHECK(elements<int64_t>(by_dim[1]) == std::vector<int64_t>{1, 0});
  CHECK(call("aten.max", {x()}).size() == 1);
  CHECK(call("aten.max", {x(), x()}).size() == 1);

  // std(dim), not std(unbiased)
  CHECK(call("aten.std", {x(), number(1)})[0].as_tensor().shape() == mrun::Shape{2});
  CHECK(call("aten.sum", {x()}, {{"dim", list({number(0), number(1)})}})[0].as_tensor().dim() == 0);
  CHECK(call("aten.split", {x(), number(2), number(1)})[0].as_list().size() == 2);
  CHECK(call("aten.split", {x(), list({number(1), number(2)}), number(1)})[0].as_list().size() == 2);
}

TEST_CASE("an integral number keeps integer tensors integer", "[aten]") {
  const Tensor a = integers({3}, {1, 2, 3});
  CHECK(elements<int64_t>(call("aten.add", {a, number(1)})[0]) == std::vector<int64_t>{2, 3, 4});
  CHECK(elements<float>(call("aten.add", {a, number(1.5)})[0]) == std::vector<float>{2.5, 3.5, 4.5});
  CHECK(elements<float>(call("aten.add", {x(), Value::boolean(true)})[0])[0] == 2);
  CHECK(std::signbit(elements<float>(call("aten.copysign", {floats({1}, {1}), number(-0.0)})[0])[0]));
  CHECK(elements<int64_t>(call("aten.add", {a, number(-0.0)})[0]) == std::vector<int64_t>{1, 2, 3});
  const int64_t large = (int64_t{1} << 53) + 1;
  CHECK(elements<int64_t>(call("aten.add", {integers({1}, {0}), Value::integer(large)})[0])[0] == large);
}

TEST_CASE("every kind of argument and result passes", "[aten]") {
  CHECK(elements<float>(call("aten.cat", {list({x(), x()})}, {{"dim", number(1)}})[0]).size() == 12);
  CHECK(call("aten.allclose", {x(), x()})[0].as_bool());
  CHECK(call("aten.size", {x(), number(1)})[0].as_int() == 3);
  CHECK(call("aten.item", {floats({}, {2.5})})[0].as_number() == 2.5);
  CHECK(call("aten.item", {integers({}, {7})})[0].is_int());
  CHECK(call("aten.result_type", {integers({1}, {1}), x()})[0].as_string() == "float32");
  CHECK(call("aten.to", {x()}, {{"dtype", text("long")}})[0].as_tensor().dtype().code == kDLInt);
  CHECK(call("aten.zeros", {list({number(2)})}, {{"dtype", text("bool")}, {"device", text("cpu")}})[0]
            .as_tensor()
            .dtype()
            .code == mrun::dl_bool);
  CHECK(call("aten.index", {x(), list({Value(), integers({1}, {2})})})[0].as_tensor().shape() == mrun::Shape{2, 1});
  CHECK(call("aten.einsum", {text("ij->ji"), list({x()})})[0].as_tensor().shape() == mrun::Shape{3, 2});
  CHECK(call("aten.clamp", {x(), Value(), number(2)})[0].as_tensor().numel() == 6);
  CHECK(call("aten.avg_pool2d", {call("aten.ones", {list({number(1), number(4), number(4)})})[0], number(2)})[0]
            .as_tensor()
            .shape() == mrun::Shape{1, 2, 2});
}

TEST_CASE("what is read-only stays so, and is not written", "[aten]") {
  const Tensor fixed = floats({2, 2}, {1, 2, 3, 4}).read_only();
  CHECK(error_of("aten.add_", {fixed, number(1)}).code == MRUN_ARGUMENT);
  CHECK(error_of("aten.add_", {fixed, number(1)}).message.find("read-only") != std::string::npos);
  const Value view = call("aten.view", {fixed, list({number(-1)})})[0];
  CHECK(view.as_tensor().readonly());
  const Value parts = call("aten.unbind", {view})[0];
  for (const Value &part : parts.as_list()) {
    CHECK(part.as_tensor().readonly());
    CHECK(error_of("aten.zero_", {part}).code == MRUN_ARGUMENT);
  }
  CHECK_FALSE(call("aten.clone", {view})[0].as_tensor().readonly());
  CHECK(elements<float>(fixed) == std::vector<float>{1, 2, 3, 4});

  const Tensor free = floats({2}, {1, 2});
  call("aten.add_", {free, number(1)});
  CHECK(elements<float>(free) == std::vector<float>{2, 3});
}

TEST_CASE("a tensor of a dtype that torch has not is named", "[aten]") {
  const mrun::Error e = error_of("aten.sum", {Tensor::empty({kDLUInt, 16, 1}, {2})});
  CHECK(e.code == MRUN_ARGUMENT);
  CHECK(e.message.find("torch works with no uint16 tensors: give another dtype") != std::string::npos);
}

TEST_CASE("a tensor that runs backwards is read, and not written", "[aten]") {
  float numbers[] = {1, 2, 3, 4, 5, 6};
  const auto backwards = [&](int64_t rows) {
    auto *dl = new DLManagedTensor{};
    dl->dl_tensor = {numbers + 5, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, new int64_t[]{rows, 3}, new int64_t[]{-3, -1}, 0};
    dl->deleter = [](DLManagedTensor *self) {
      delete[] self->dl_tensor.shape;
      delete[] self->dl_tensor.strides;
      delete self;
    };
    return Tensor::give(dl);
  };
  const Tensor fixed = backwards(2).read_only();
  CHECK(elements<float>(call("aten.clone", {fixed})[0].as_tensor()) == std::vector<float>{6, 5, 4, 3, 2, 1});
  CHECK(call("aten.select", {fixed, number(0), number(0)})[0].as_tensor().readonly());
  CHECK(call("aten.sum", {backwards(0).read_only()})[0].as_tensor().numel() == 1);
  CHECK(error_of("aten.add_", {backwards(2), number(1)}).message.find("negative strides") != std::string::npos);
  CHECK(numbers[0] == 1);
}

TEST_CASE("running statistics are written in training only, and never where they are read-only", "[aten]") {
  const Value image = call("aten.ones", {list({number(2), number(1), number(3)})})[0];
  const Tensor mean = floats({1}, {0}), variance = floats({1}, {1});
  const auto run = [&](const Value &m, bool training) {
    return error_of("aten.batch_norm", {image, Value(), Value(), m, variance, Value::boolean(training), number(0.1),
                                        number(1e-5), Value::boolean(false)});
  };
  CHECK(run(mean.read_only(), false).code == MRUN_OK);
  CHECK(run(mean.read_only(), true).code == MRUN_ARGUMENT);
  CHECK(run(mean, true).code == MRUN_OK);
}

TEST_CASE("random operators draw the item's numbers", "[aten]") {
  const auto draw = [](uint64_t seed, uint64_t number_of_item) {
    test::Call c;
    c.item.seed = seed;
    c.item.number = number_of_item;
    auto first = elements<float>(call(c.raw, "aten.rand", {list({number(4)})})[0]);
    const auto second = elements<float>(call(c.raw, "aten.rand", {list({number(4)})})[0]);
    CHECK(first != second);
    first.insert(first.end(), second.begin(), second.end());
    return first;
  };
  CHECK(draw(1, 0) == draw(1, 0));
  CHECK(draw(1, 0) != draw(1, 1));
  CHECK(draw(1, 0) != draw(2, 0));
  CHECK(error_of("aten.gru_cell", {x()}).code == MRUN_ARGUMENT);
}

TEST_CASE("dropout in recurrent layers is refused", "[aten]") {
  const Value input = call("aten.ones", {list({number(2), number(1), number(1)})})[0];
  const Value state = call("aten.zeros", {list({number(1), number(1), number(1)})})[0];
  const Value weight = call("aten.ones", {list({number(1), number(1)})})[0];
  const auto run = [&](double dropout) {
    return error_of("aten.rnn_tanh",
                    {input, state, list({weight, weight}), Value::boolean(false), number(1), number(dropout),
                     Value::boolean(true), Value::boolean(false), Value::boolean(false)});
  };
  CHECK(!set("aten.rnn_tanh").overloads[0]->random());
  CHECK(run(0).message == "");
  CHECK(run(0.5).message.find("dropout") != std::string::npos);
}

TEST_CASE("errors are one line of what libtorch says", "[aten]") {
  const mrun::Error e = error_of("aten.mm", {x(), x()});
  CHECK(e.code == MRUN_ARGUMENT);
  CHECK(e.message.find("cannot be multiplied") != std::string::npos);
  CHECK(e.message.find('\n') == std::string::npos);
  CHECK(e.message.find("frame #") == std::string::npos);
  CHECK(e.operation == "aten.mm");
  CHECK(error_of("aten.softmax", {x(), text("a")}).argument == "dim");
}

TEST_CASE("integers divide as numbers do, or not at all", "[aten]") {
  const int64_t least = std::numeric_limits<int64_t>::min();
  const int32_t least32 = std::numeric_limits<int32_t>::min();
  const Tensor wide = integers({3}, {least, -7, 7}), ones = integers({3}, {-1, -1, -1});
  const Tensor narrow = tensor<int32_t>(mrun::dtype::int32, {2}, {least32, 7});
  for (const char *name : {"aten.remainder", "aten.fmod"}) {
    INFO(name);
    CHECK(elements<int64_t>(call(name, {wide, number(-1)})[0]) == std::vector<int64_t>{0, 0, 0});
    CHECK(elements<int64_t>(call(name, {wide, ones})[0]) == std::vector<int64_t>{0, 0, 0});
    CHECK(elements<int32_t>(call(name, {narrow, number(-1)})[0]) == std::vector<int32_t>{0, 0});
    const Tensor own = integers({3}, {least, -7, 7});
    CHECK(elements<int64_t>(call(std::string(name) + "_", {own, ones})[0]) == std::vector<int64_t>{0, 0, 0});
    CHECK(elements<int64_t>(call(name, {wide, number(2)})[0])[2] == 1);
  }
  for (const Value &by : {number(-1), Value(ones)}) {
    CHECK(error_of("aten.floor_divide", {wide, by}).message.find("divided by -1") != std::string::npos);
    for (const char *mode : {"floor", "trunc"}) {
      CHECK(error_of("aten.div", {wide, by}, {{"rounding_mode", text(mode)}}).code == MRUN_ARGUMENT);
    }
    CHECK(error_of("aten.div", {wide, by}).code == MRUN_OK);
  }
  CHECK(error_of("aten.floor_divide", {narrow, number(-1)}).code == MRUN_ARGUMENT);
  CHECK(elements<int64_t>(call("aten.floor_divide", {integers({2}, {-7, 7}), number(-1)})[0]) ==
        std::vector<int64_t>{7, -7});
  // The least number is divided, but not by -1.
  CHECK(error_of("aten.floor_divide", {wide, integers({3}, {2, -1, -1})}).code == MRUN_OK);
  CHECK(error_of("aten.floor_divide", {wide, number(0)}).code == MRUN_ARGUMENT);
  CHECK(error_of("aten.remainder", {wide, number(0)}).code == MRUN_ARGUMENT);
  CHECK(error_of("aten.lcm", {wide, integers({3}, {7, 7, 7})}).code == MRUN_ARGUMENT);
  CHECK(elements<int64_t>(call("aten.lcm", {integers({1}, {4}), integers({1}, {6})})[0]) == std::vector<int64_t>{12});
}

TEST_CASE("integers beside narrower ones divide as what is left of them", "[aten]") {
  const int32_t least = std::numeric_limits<int32_t>::min();
  const Tensor narrow = tensor<int32_t>(mrun::dtype::int32, {2}, {least, 7});
  const Tensor ones = tensor<int32_t>(mrun::dtype::int32, {2}, {-1, 2});
  // 2^32 - 1 is -1 there, and 2^31 the least.
  for (const Value &by : {number(4294967295), Value(integers({}, {4294967295})), Value(integers({}, {-1}))}) {
    CHECK(elements<int32_t>(call("aten.remainder", {narrow, by})[0]) == std::vector<int32_t>{0, 0});
    CHECK(elements<int32_t>(call("aten.fmod", {narrow, by})[0]) == std::vector<int32_t>{0, 0});
    CHECK(error_of("aten.floor_divide", {narrow, by}).message.find("divided by -1") != std::string::npos);
    CHECK(error_of("aten.div", {narrow, by}, {{"rounding_mode", text("floor")}}).code == MRUN_ARGUMENT);
  }
  for (const int64_t of : {int64_t{least}, int64_t{2147483648}}) {
    INFO(of);
    CHECK(elements<int32_t>(call("aten.remainder", {integers({}, {of}), ones})[0]) == std::vector<int32_t>{0, 0});
    CHECK(error_of("aten.floor_divide", {integers({}, {of}), ones}).code == MRUN_ARGUMENT);
    CHECK(error_of("aten.lcm", {ones, integers({}, {of})}).code == MRUN_ARGUMENT);
  }
  CHECK(elements<int32_t>(call("aten.remainder", {number(2147483648), ones})[0]) == std::vector<int32_t>{0, 0});
}

TEST_CASE("what linear algebra cannot work on is refused before it prints, never returns or is not written", "[aten]") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor endless = floats({3, 4}, {1, 2, 3, inf, 5, 6, 7, 8, 9, 10, 11, 12});
  const Tensor square = floats({3, 3}, {1, nan, 3, 4, 5, 6, 7, 8, 10}), good = floats({2, 2}, {2, 0, 0, 3});
  for (const char *name : {"aten.svd", "aten.linalg_svd", "aten.linalg_svdvals", "aten.pinverse", "aten.linalg_cond",
                           "aten.linalg_matrix_rank", "aten.nuclear_norm"}) {
    INFO(name);
    CHECK(error_of(name, {endless}).message.find("infinities or NaN") != std::string::npos);
  }
  for (const char *name : {"aten.linalg_eig", "aten.linalg_eigvals", "aten.linalg_eigh", "aten.linalg_eigvalsh",
                           "aten.matrix_exp", "aten.linalg_matrix_exp"}) {
    INFO(name);
    CHECK(error_of(name, {square}).message.find("infinities or NaN") != std::string::npos);
    CHECK(error_of(name, {good}).code == MRUN_OK);
  }
  CHECK(error_of("aten.linalg_lstsq", {square, good}).code == MRUN_ARGUMENT);
}

TEST_CASE("a product with beta = 0 reads no memory that was not written", "[aten]") {
  const Value batch = call("aten.ones", {list({number(2), number(3), number(4)})})[0];
  const Value other = call("aten.ones", {list({number(2), number(4), number(5)})})[0];
  const Value self = call("aten.zeros", {list({number(3), number(5)})})[0];
  for (int i = 0; i < 200; ++i) {
    call("aten.full", {list({number(2), number(3), number(5)}), number(std::nan(""))});  // and is freed
    const Value r = call("aten.baddbmm", {self, batch, other}, {{"beta", number(0)}, {"alpha", number(2)}})[0];
    CHECK(elements<float>(r) == std::vector<float>(30, 8));
  }
}

TEST_CASE("sizes and counts that kernels believe are bounded", "[aten]") {
  const Value image = call("aten.ones", {list({number(1), number(4), number(2), number(2)})})[0];
  CHECK(error_of("aten.pixel_shuffle", {image, number(4294967296.0)}).code == MRUN_ARGUMENT);
  CHECK(error_of("aten.pixel_shuffle", {image, number(2)}).code == MRUN_OK);
  CHECK(error_of("aten.special_hermite_polynomial_h", {x(), number(1099511627776.0)}).code == MRUN_ARGUMENT);
  CHECK(error_of("aten.special_hermite_polynomial_h", {x(), number(3)}).code == MRUN_OK);
}

TEST_CASE("a list is as long as the schema says", "[aten]") {
  const Value line = call("aten.ones", {list({number(1), number(1), number(4)})})[0];
  CHECK(error_of("aten.reflection_pad1d", {line, list({number(1), number(1), number(1)})}).message ==
        "aten.reflection_pad1d: padding: want a list of 2, got one of 3");
  CHECK(error_of("aten.reflection_pad1d", {line, list({})}).code == MRUN_ARGUMENT);
  // One stands for all, as in Python's layers; and an empty list where it is the default.
  CHECK(call("aten.reflection_pad1d", {line, list({number(1)})})[0].as_tensor().size(2) == 6);
  const Value image = call("aten.ones", {list({number(1), number(1), number(4), number(4)})})[0];
  CHECK(call("aten.avg_pool2d", {image, list({number(2)}), list({})})[0].as_tensor().size(3) == 2);
}

TEST_CASE("keyword arguments may use Python's words", "[aten]") {
  CHECK(elements<float>(
            call("aten.sum", {}, {{"input", x()}, {"axis", number(1)}, {"keepdims", Value::boolean(true)}})[0]) ==
        std::vector<float>{9, 15});
  CHECK(error_of("aten.sum", {x()}, {{"dim", number(1)}, {"axis", number(0)}}).code == MRUN_ARGUMENT);
  CHECK(error_of("aten.softmax", {x(), number(1)}, {{"axis", number(1)}}).message.find("given twice") !=
        std::string::npos);
  // Options that say nothing.
  CHECK(call("aten.div", {x(), x(), list({})}).size() == 1);
}

TEST_CASE("memory is charged before it is taken", "[aten]") {
  test::Call c;
  c.item.budget = std::make_shared<mrun::Budget>(int64_t{1} << 20);
  try {
    call(c.raw, "aten.zeros", {list({number(1e6), number(1e6)})});
    FAIL("a tensor of 4 TB was made");
  } catch (const mrun::Error &e) { CHECK((e.code == MRUN_QUOTA || e.code == MRUN_MEMORY)); }
  CHECK(call(c.raw, "aten.zeros", {list({number(16)})}).size() == 1);
}

TEST_CASE("what shares some elements with what it is written into is refused", "[aten]") {
  const Tensor own = integers({4}, {1, 2, 3, 4});
  const Tensor front = own.view({3}, {1}, 0), back = own.view({3}, {1}, 1);
  for (const char *name : {"aten.copy_", "aten.add_", "aten.eq_"}) {
    INFO(name);
    CHECK(error_of(name, {back, front}).message.find("clone()") != std::string::npos);
    CHECK(error_of(name, {own, own.view({1}, {1}, 2)}).message.find("clone()") != std::string::npos);
  }
  CHECK(elements<int64_t>(own) == std::vector<int64_t>{1, 2, 3, 4});
  call("aten.add_", {own, own.view({4}, {1}, 0)});
  call("aten.copy_", {own.view({2}, {1}, 0), own.view({2}, {1}, 2)});
  CHECK(elements<int64_t>(own) == std::vector<int64_t>{6, 8, 6, 8});
}

TEST_CASE("as many tensors as the data say are charged before they are made", "[aten]") {
  const auto refused = [](const char *name, std::vector<Value> args) {
    INFO(name);
    test::Call c;
    c.item.budget = std::make_shared<mrun::Budget>(int64_t{1} << 20);
    try {
      call(c.raw, name, std::move(args));
      FAIL_CHECK("made");
    } catch (const mrun::Error &e) { CHECK(e.code == MRUN_QUOTA); }
  };
  const Tensor empty = floats({0}, {}), many = tensor<float>(mrun::dtype::float32, {2000000, 0}, {});
  refused("aten.unbind", {many});
  refused("aten.unbind_copy", {many});
  refused("aten.split", {many, number(2)});
  refused("aten.split_copy", {many, number(2)});
  refused("aten.chunk", {many, number(1e6)});
  refused("aten.chunk", {empty, number(0x1p52)});
  refused("aten.tensor_split", {empty, number(0x1p52)});
  refused("aten.tensor_split", {empty, integers({}, {int64_t{1} << 52})});
  refused("aten.hsplit", {empty, number(0x1p52)});
  refused("aten.meshgrid", {list(std::vector<Value>(500, x()))});
  CHECK(call("aten.unbind", {x()}).size() == 1);
  CHECK(call("aten.split", {empty, number(0)}).size() == 1);
  CHECK(error_of("aten.unbind", {x(), number(9)}).message.find("Dimension out of range") != std::string::npos);
}

TEST_CASE("torch.tensor takes no number that its dtype does not hold", "[aten]") {
  const auto refused = [](double x, const char *dtype) {
    const std::string message = error_of("torch.tensor@1", {list({number(x)})}, {{"dtype", text(dtype)}}).message;
    return message.find(std::string("is no ") + dtype) != std::string::npos;
  };
  CHECK(refused(300, "uint8"));
  CHECK(refused(-1.5, "uint8"));
  CHECK(refused(128, "int8"));
  CHECK(refused(70000, "int16"));
  CHECK(refused(3e9, "int32"));
  CHECK(refused(0x1p63, "int64"));
  CHECK(refused(std::nan(""), "int32"));
  CHECK(refused(-INFINITY, "int64"));
}

TEST_CASE("torch.tensor reads nested lists", "[aten]") {
  const Value nested = list({list({number(1), number(2)}), list({number(3), number(4.5)})});
  const Value t = call("torch.tensor@1", {nested})[0];
  CHECK(t.as_tensor().shape() == mrun::Shape{2, 2});
  CHECK(elements<float>(t) == std::vector<float>{1, 2, 3, 4.5});

  CHECK(call("torch.tensor@1", {number(3)})[0].as_tensor().dim() == 0);
  CHECK(call("torch.tensor@1", {list({})})[0].as_tensor().shape() == mrun::Shape{0});
  CHECK(call("torch.tensor@1", {list({Value::boolean(true)})})[0].as_tensor().dtype().code == mrun::dl_bool);
  CHECK(call("torch.tensor@1", {integers({1}, {5})})[0].as_tensor().dtype().code == kDLInt);

  const int64_t large = (int64_t{1} << 53) + 1;
  const Value exact = call("torch.tensor@1", {list({Value::integer(large)})}, {{"dtype", text("int64")}})[0];
  CHECK(elements<int64_t>(exact) == std::vector<int64_t>{large});

  const auto of_type = [](const Value &v, const char *dtype) {
    return call("torch.tensor@1", {list({v})}, {{"dtype", text(dtype)}})[0];
  };
  CHECK(elements<uint8_t>(of_type(Value::integer(-1), "uint8")) == std::vector<uint8_t>{255});
  CHECK(elements<int64_t>(of_type(number(-1.7), "int64")) == std::vector<int64_t>{-1});
  const Value mixed =
      call("torch.tensor@1", {list({Value::integer(large), number(0.5)})}, {{"dtype", text("int64")}})[0];
  CHECK(elements<int64_t>(mixed) == std::vector<int64_t>{large, 0});

  CHECK(error_of("torch.tensor@1", {list({list({number(1)}), list({})})}).message.find("level 2") != std::string::npos);
  CHECK(error_of("torch.tensor@1", {list({text("a")})}).code == MRUN_ARGUMENT);
  CHECK(error_of("torch.tensor@1", {Value()}).code == MRUN_ARGUMENT);
}

TEST_CASE("whether there is an operator can be asked without one being made") {
  mrun::Registry plugins({MRUN_TEST_PLUGINS});
  for (const char *name : {"aten.softmax", "aten._unique2", "torch.tensor"}) {
    CAPTURE(name);
    CHECK(plugins.offers(name) == (plugins.find(name) != nullptr));
  }
  CHECK(plugins.offers("aten.softmax"));
  for (const char *name : {"aten.from_file", "aten.resize_", "aten.native_dropout", "aten._nosuch", "aten.nosuch",
                           "aten.", "aten.softmax@1", "softmax", "nosuch.softmax"}) {
    CAPTURE(name);
    CHECK_FALSE(plugins.offers(name));
    CHECK(plugins.find(name) == nullptr);
  }
}

TEST_CASE("tensors that other threads free do not gather") {
  const auto resident = [] {
    std::ifstream statm("/proc/self/statm");
    int64_t pages = 0;
    statm >> pages >> pages;
    return pages * 4096;
  };
  const Value thousand = floats({1, 1}, {1.5F}), shape = list({Value::integer(1000), Value::integer(1)});
  int64_t settled = 0;
  constexpr int rounds = 60, settling = 20;  // 4 MB each
  for (int round = 0; round < rounds; ++round) {
    if (round == settling) settled = resident();
    std::vector<Value> made;
    std::thread([&] {
      for (int i = 0; i < 1000; ++i) made.push_back(call("aten.mul", {thousand, number(i)}).front());
      for (int i = 0; i < 1000; ++i) made.push_back(call("aten.repeat", {thousand, shape}).front());
    }).join();
    CHECK(elements<float>(made[7])[0] == 10.5F);
    std::thread([freed = std::move(made)]() mutable { freed.clear(); }).join();
  }
  CHECK(resident() - settled < int64_t{40} << 20);  // of 160 MB
}
