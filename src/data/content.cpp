// SPDX-License-Identifier: Apache-2.0
#include "data/content.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/check.hpp"

namespace convoy {

Content::Content(std::string name, std::string remedy)
    : name_(std::move(name)), remedy_(std::move(remedy)) {}

void Content::read(std::span<std::uint8_t> out, std::string_view what) {
  const std::uint64_t begin = position_;
  const std::size_t got = read_some(out);
  if (got < out.size())
    refuse("is truncated", fmt::format("it ends at byte {}, inside {}, which takes bytes {} to {}",
                                       begin + got, what, begin, begin + out.size() - 1));
}

void Content::expect_end() {
  std::uint8_t more = 0;  // a request for one more byte makes zlib verify its checksum
  const std::uint64_t end = position_;
  if (read_some({&more, 1}) > 0)
    refuse("is too long", fmt::format("its content should end at byte {} and goes on", end));
}

void Content::refuse(std::string_view problem, std::string_view why,
                     std::string_view remedy) const {
  throw UserError(Fault::bad_data, fmt::format("{} {}", printable(name_), problem), why,
                  remedy.empty() ? remedy_ : remedy);
}

}  // namespace convoy
