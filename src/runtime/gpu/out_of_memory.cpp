// SPDX-License-Identifier: Apache-2.0
#include "runtime/gpu/out_of_memory.hpp"

#include <fmt/format.h>

#include "base/check.hpp"

namespace convoy::gpu {
namespace {

double mebibytes(Index bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

}  // namespace

void throw_out_of_memory(std::string_view device, std::string_view what, Index asked, Index free) {
  throw UserError(Fault::unavailable, fmt::format("{} has too little memory", device),
                  fmt::format("{} take {:.1f} MiB, {:.1f} MiB are free", what, mebibytes(asked),
                              mebibytes(free)),
                  "use a smaller --batch, more ranks with a GPU each, or --device cpu");
}

}  // namespace convoy::gpu
