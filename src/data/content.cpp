// SPDX-License-Identifier: Apache-2.0
#include "data/content.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/check.hpp"

namespace convoy {

Content::Content(std::string name, std::string remedy)
    : name_(std::move(name)), remedy_(std::move(remedy)) {}

void Content::refuse(std::string_view problem, std::string_view why,
                     std::string_view remedy) const {
  throw UserError(Fault::bad_data, fmt::format("{} {}", printable(name_), problem), why,
                  remedy.empty() ? remedy_ : remedy);
}

}  // namespace convoy
