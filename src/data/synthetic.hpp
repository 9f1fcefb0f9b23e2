// SPDX-License-Identifier: Apache-2.0
// A small data set that is computed, not read. It has the same bytes on every machine, and a net
// can learn it. It serves tests, and a first run without files.
#pragma once

#include "data/dataset.hpp"

namespace convoy {

enum class SyntheticPart { train, test };

// Sample i has label i % classes. Its image is the pattern of its class (random cells of 4 x 4
// pixels), shifted by up to two pixels each way, with noise. Sample i does not depend on `samples`.
Dataset synthetic(SyntheticPart part, Index samples, Shape image = {28, 28, 1}, Index classes = 10);

}  // namespace convoy
