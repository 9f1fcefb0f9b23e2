// SPDX-License-Identifier: Apache-2.0
#include "parallel/shared_memory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <filesystem>

#include "base/check.hpp"
#include "tests/ops/rounds.hpp"
#include "tests/parallel/children.hpp"

namespace convoy::test {
namespace {

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

bool all_are(const SharedMemory& memory, std::byte value) {
  const std::byte* bytes = memory.bytes().get();
  return std::all_of(bytes, bytes + memory.name().bytes, [=](std::byte b) { return b == value; });
}

TEST(SharedMemory, IsZeroOnAPageAndSeenByOthers) {
  for (const Index size : {1, 64, 4095, 4096, 4097, 1 << 20}) {
    const SharedMemory memory = SharedMemory::create(size);
    EXPECT_TRUE(all_are(memory, std::byte{0}));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.bytes().get()) % 4096, 0U);
    memory.bytes()[0] = std::byte{1};
    const auto last = static_cast<std::ptrdiff_t>(size) - 1;
    Children children;
    children.start([&] {
      const auto other = SharedMemory::open(memory.name());
      if (!other || other->bytes()[0] != std::byte{1}) return 1;
      if (other->bytes().get() == memory.bytes().get()) return 2;
      other->bytes()[last] = std::byte{2};
      return 0;
    });
    EXPECT_EQ(children.join(), std::vector{0});
    EXPECT_EQ(memory.bytes()[last], std::byte{2});
  }
}

// The bytes keep the block alive, for processes that have it open and for those that open it late.
TEST(SharedMemory, LivesAsLongAsItsBytes) {
  const std::size_t before = open_descriptors();
  std::optional<SharedMemory> opened;
  {
    std::shared_ptr<std::byte[]> bytes;
    SharedMemoryName name;
    {
      const SharedMemory memory = SharedMemory::create(100);
      bytes = memory.bytes();
      name = memory.name();
    }
    bytes[99] = std::byte{7};
    opened = SharedMemory::open(name);
    ASSERT_TRUE(opened);
  }
  EXPECT_EQ(opened->bytes()[99], std::byte{7});
  EXPECT_FALSE(SharedMemory::open(opened->name()));  // its maker has released it
  opened.reset();
  EXPECT_EQ(open_descriptors(), before);
}

TEST(SharedMemory, SurvivesItsMaker) {
  struct Told {
    SharedMemoryName name;
    std::atomic<int> ready;
  };
  const auto memory_of_told = memory_for_children(sizeof(Told));
  auto* told = new (memory_of_told.get()) Told{};
  Children children;
  const pid_t maker = children.start([&]() -> int {
    const SharedMemory memory = SharedMemory::create(10);
    memory.bytes()[9] = std::byte{5};
    told->name = memory.name();
    told->ready = 1;
    for (;;) pause();
  });
  while (told->ready == 0) usleep(1000);
  const auto memory = SharedMemory::open(told->name);
  kill(maker, SIGKILL);
  children.join();
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->bytes()[9], std::byte{5});
}

TEST(SharedMemory, WhatIsNotThisBlockIsNotOpened) {
  const std::size_t before = open_descriptors();
  {
    const SharedMemory memory = SharedMemory::create(1000), other = SharedMemory::create(1000);
    const SharedMemoryName good = memory.name();
    const auto changed = [&](auto change) {
      SharedMemoryName name = good;
      change(name);
      return SharedMemory::open(name);
    };
    EXPECT_TRUE(SharedMemory::open(good));
    EXPECT_FALSE(SharedMemory::open({}));
    EXPECT_FALSE(changed([](auto& name) { ++name.token; }));
    EXPECT_FALSE(changed([](auto& name) { ++name.bytes; }));
    EXPECT_FALSE(changed([](auto& name) { name.bytes = 0; }));
    EXPECT_FALSE(changed([](auto& name) { name.bytes = ~std::uint64_t{0}; }));
    EXPECT_FALSE(changed([&](auto& name) { name.descriptor = other.name().descriptor; }));
    EXPECT_FALSE(changed([](auto& name) { name.descriptor = 0; }));
    EXPECT_FALSE(changed([](auto& name) { name.descriptor = 1 << 20; }));
    EXPECT_FALSE(changed([](auto& name) { name.pid = -1; }));
    EXPECT_FALSE(changed([](auto& name) { name.pid = 1 << 29; }));
    int pipe_ends[2];
    ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);  // opening it must not block
    EXPECT_FALSE(changed([&](auto& name) { name.descriptor = pipe_ends[0]; }));
    close(pipe_ends[0]);
    close(pipe_ends[1]);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(SharedMemory, TooMuchIsRefused) {
  const std::size_t before = open_descriptors();
  for (const Index size : {Index{1} << 50, Index{-1}, INT64_MAX}) {
    try {
      SharedMemory::create(size);
      FAIL() << size;
    } catch (const SystemError& error) {
      EXPECT_EQ(error.fault(), Fault::unavailable);
      EXPECT_NE(std::string(error.what()).find("MB of shared memory"), std::string::npos);
    }
  }
  EXPECT_EQ(open_descriptors(), before);
}

// The message gives the reason of the call that failed.
TEST(SharedMemory, ALimitOfAddressSpaceIsToldAsSuch) {
  if (test::kSanitized) GTEST_SKIP() << test::kSanitizersNeedIt;
  Children children;
  children.start([] {
    const rlimit small{Index{64} << 20, Index{64} << 20};
    if (setrlimit(RLIMIT_AS, &small) != 0) return 1;
    errno = ENOENT;  // of an earlier call
    try {
      SharedMemory::create(Index{64} << 20);
      return 2;
    } catch (const SystemError& error) {
      return std::string(error.what()).find("(Cannot allocate memory)") == std::string::npos ? 3
                                                                                             : 0;
    }
  });
  EXPECT_EQ(children.join(), std::vector{0});
}

}  // namespace
}  // namespace convoy::test
