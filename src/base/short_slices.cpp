// SPDX-License-Identifier: Apache-2.0
#include "base/short_slices.hpp"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace convoy {
namespace {

// The shortest slice that the kernel grants, in nanoseconds.
constexpr std::uint64_t kShortest = 100'000;

// struct sched_attr of <linux/sched/types.h>, which collides with the C library's <sched.h>.
struct Attributes {
  std::uint32_t size = sizeof(Attributes);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  // for a normal thread: its slice
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

bool read(Attributes& attributes) {
  return syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) == 0 &&
         attributes.policy == SCHED_OTHER;
}

bool set_slice(Attributes attributes, std::uint64_t nanoseconds) {
  attributes.size = sizeof attributes;
  attributes.runtime = nanoseconds;
  return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0;
}

}  // namespace

std::uint64_t shorten_slices() {
  Attributes now;
  // Kernels without slices report 0.
  return read(now) && now.runtime > kShortest && set_slice(now, kShortest) ? now.runtime : 0;
}

ShortSlices::ShortSlices() : before_(shorten_slices()) {}

ShortSlices::~ShortSlices() {
  Attributes now;
  if (before_ != 0 && read(now)) set_slice(now, before_);
}

}  // namespace convoy
