#include "isolate/channel.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "catch.h"
#include "isolate/messages.h"
#include "isolate/shared_memory.h"

using namespace mrun;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Pair {
  Pair() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    here = std::make_unique<Channel>(UniqueFd(ends[0]), "the other");
    here->set_patience(std::chrono::milliseconds(200));
    raw = UniqueFd(ends[1]);
  }
  void say(std::string_view bytes) { REQUIRE(::write(raw.get(), bytes.data(), bytes.size()) == ssize_t(bytes.size())); }
  std::string refusal() {
    try {
      here->receive();
    } catch (const Error &e) {
      CHECK(e.code == MRUN_PROTOCOL);
      return e.message;
    }
    return "";
  }
  std::unique_ptr<Channel> here;
  UniqueFd raw;
};

std::string header(uint16_t kind, uint64_t size, uint32_t magic = 0x4b57524d, uint16_t version = protocol_version) {
  std::string h;
  put<uint32_t>(h, magic);
  put<uint16_t>(h, version);
  put<uint16_t>(h, kind);
  for (const uint64_t n : {uint64_t{7}, size, uint64_t{0}, uint64_t{0}}) put<uint64_t>(h, n);
  return h;
}

}  // namespace

TEST_CASE("A frame arrives as it was sent, with its descriptors") {
  Pair pair;
  Channel there(UniqueFd(::fcntl(pair.raw.get(), F_DUPFD_CLOEXEC, 3)), "here");
  const std::string large(3 << 20, 'x');
  std::thread sender([&] {
    const int fd = STDERR_FILENO;
    there.send(Kind::submit, 42, "payload", {&fd, 1}, 5);
    there.send(Kind::result, 43, large);
  });
  const Frame first = *pair.here->receive();
  CHECK(first.kind == Kind::submit);
  CHECK(first.id == 42);
  CHECK(first.beside == 5);
  CHECK(first.fds.size() == 1);
  CHECK(first.payload.bytes() == "payload");
  const Frame second = *pair.here->receive();
  CHECK(second.fds.empty());
  CHECK(second.payload.bytes() == large);
  sender.join();
}

TEST_CASE("What is gathered goes with what is sent next, with flush(), or when it is much, and always in its order") {
  Pair pair;
  Channel there(UniqueFd(::fcntl(pair.raw.get(), F_DUPFD_CLOEXEC, 3)), "here");
  const auto nothing_came = [&] {
    char byte = 0;
    return ::recv(pair.here->fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
  };
  there.flush();
  there.gather(Kind::result, 1, "one");
  there.gather(Kind::result, 2, "");
  CHECK(nothing_came());
  CHECK(there.sent() == 0);
  SECTION("the next") {
    there.send(Kind::partial, 3, "three");
    CHECK(there.sent() == 3);
    for (const uint64_t id : {1, 2, 3}) CHECK(pair.here->receive()->id == id);
  }
  SECTION("flush") {
    there.flush();
    CHECK(there.sent() == 2);
    CHECK(pair.here->receive()->payload.bytes() == "one");
    CHECK(pair.here->receive()->payload.bytes().empty());
  }
  SECTION("many, and one that is large") {
    const std::string some(1000, 'x'), large(100'000, 'y');
    std::thread sender([&] {
      for (uint64_t id = 3; id < 200; ++id) there.gather(Kind::result, id, some);
      there.gather(Kind::result, 200, large);
    });
    for (uint64_t id = 1; id <= 200; ++id) CHECK(pair.here->receive()->id == id);
    sender.join();
    CHECK(there.sent() == 200);
  }
  SECTION("to nobody") {
    pair.here.reset();
    pair.raw = UniqueFd();
    CHECK_THROWS_MATCHES(there.flush(), Error, Catch::Matchers::Message("here: is gone: Broken pipe"));
    CHECK_NOTHROW(there.flush());
  }
}

TEST_CASE("What is no frame is refused, and no length is believed") {
  Pair pair;
  SECTION("garbage") {
    pair.say(std::string(64, 'x'));
    CHECK_THAT(pair.refusal(), ContainsSubstring("no message"));
  }
  SECTION("another version") {
    pair.say(header(1, 0, 0x4b57524d, 9));
    CHECK_THAT(pair.refusal(), ContainsSubstring("version 9"));
  }
  SECTION("an unknown kind") {
    pair.say(header(999, 0));
    CHECK_THAT(pair.refusal(), ContainsSubstring("kind 999"));
  }
  SECTION("a length of 2^63") {
    pair.say(header(1, uint64_t{1} << 63));
    CHECK_THAT(pair.refusal(), ContainsSubstring("the most"));
  }
  SECTION("half a header") {
    pair.say(header(1, 0).substr(0, 9));
    CHECK_THAT(pair.refusal(), ContainsSubstring("half a message"));
  }
  SECTION("half a payload") {
    pair.say(header(1, uint64_t{1} << 30) + "x");
    CHECK_THAT(pair.refusal(), ContainsSubstring("half a message"));
  }
  SECTION("closed in the middle") {
    pair.say(header(1, 100) + "x");
    pair.raw.reset();
    CHECK_THAT(pair.refusal(), ContainsSubstring("closed in the middle"));
  }
}

TEST_CASE("The end of the other side is no error, and sending to it is CRASH") {
  Pair pair;
  pair.raw.reset();
  CHECK_FALSE(pair.here->receive().has_value());
  try {
    pair.here->send(Kind::run, 1, "x");
    FAIL("sent to nobody");
  } catch (const Error &e) { CHECK(e.code == MRUN_CRASH); }
}

TEST_CASE("Large tensors travel beside the message, and are read where they lie") {
  Tensor large = Tensor::empty(dtype::float32, {1 << 19});
  for (int i = 0; i < 1 << 19; ++i) large.data<float>()[i] = static_cast<float>(i);
  Work work;
  work.number = 3;
  work.input = Value::list({large, Value::string("small"), large.read_only()});
  WireWriter out(beside_from);
  encode(out, work);
  REQUIRE(out.beside().size() == 2);
  const UniqueFd memory = share(out.beside(), out.beside_size());
  CHECK(::ftruncate(memory.get(), 1) != 0);
  const std::string message = out.finish();
  CHECK(message.size() < 1000);
  Tensor bytes = Tensor::empty(dtype::uint8, {static_cast<int64_t>(message.size())});
  std::memcpy(bytes.data<char>(), message.data(), message.size());
  const Tensor beside = map_shared_memory(memory.get(), out.beside_size(), "test");
  const SentWork got = decode_work({bytes, "test", beside});
  const Tensor first = got.work.input.as_list()[0].as_tensor();
  CHECK(first.bytes() == large.bytes());
  CHECK_FALSE(first.readonly());
  CHECK(got.work.input.as_list()[2].as_tensor().readonly());
  CHECK(static_cast<const void *>(first.data()) == beside.data());
  CHECK_THROWS_AS(decode_work({bytes, "test"}), Error);
  CHECK_THROWS_AS(map_shared_memory(memory.get(), size_t{1} << 40, "test"), Error);
}

TEST_CASE("Memory that somebody can still write to or cut is refused") {
  const UniqueFd memory = make_shared_memory(4096);
  CHECK_THROWS_AS(map_shared_memory(memory.get(), 4096, "test"), Error);
  const UniqueFd file(::memfd_create("test", MFD_ALLOW_SEALING));
  REQUIRE(::ftruncate(file.get(), 4096) == 0);
  CHECK_THROWS_AS(map_shared_memory(file.get(), 4096, "test"), Error);
}

TEST_CASE("Memory beyond what the system lets a file of this process have is refused, and does not end the process") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{4096, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto code_of = [](size_t size) {
    try {
      make_shared_memory(size);
    } catch (const Error &e) { return e.code; }
    return MRUN_OK;
  };
  const mrun_code fits = code_of(4096), larger = code_of(4097);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(fits == MRUN_OK);
  CHECK(larger == MRUN_MEMORY);
}
