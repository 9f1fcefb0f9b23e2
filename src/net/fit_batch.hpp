// SPDX-License-Identifier: Apache-2.0
// Checks that batches fit the batch normalisations of a net.
#pragma once

#include "net/net.hpp"

namespace convoy {

// Throws LayerError where the group of a batch normalisation is not the grain times a power of two.
void check_groups_fit(const Net& net, Index grain);

// Throws LayerError where a batch of `samples` samples has a group with one value per channel,
// which has no variance.
void check_batch_fits(const Net& net, Index samples);

}  // namespace convoy
