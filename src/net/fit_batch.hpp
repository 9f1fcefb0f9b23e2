// SPDX-License-Identifier: Apache-2.0
// Checks that batches fit the batch normalisations of a net.
#pragma once

#include "net/net.hpp"

namespace convoy {

// Throws LayerError where the group of a batch normalisation is not the grain times a power of two.
void check_groups_fit(const Net& net, Index grain);

// The net for uses in which no batch is normalised, and any grain fits.
Net without_groups(const Net& net);

// Throws LayerError where a batch of `batch` samples, or the last batch of an epoch, of `last`
// samples, has a group with one value per channel, which has no variance. 0: there is no such
// batch.
void check_batches_fit(const Net& net, Index batch, Index last);

}  // namespace convoy
