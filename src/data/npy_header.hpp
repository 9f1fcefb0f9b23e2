// SPDX-License-Identifier: Apache-2.0
// The text of the header of an array in NumPy's format .npy: one Python dictionary, as in
//   {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }
#pragma once

#include <string_view>

#include "data/npy.hpp"

namespace convoy {

// Returns what `text` states; `bytes` is left at 0. The keys may come in any order, each once, and
// there are no others. `content` is for the message of UserError(bad_data).
NpyHeader parse_npy_header(const Content& content, std::string_view text);

}  // namespace convoy
