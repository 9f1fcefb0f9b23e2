// SPDX-License-Identifier: Apache-2.0
// Starts a new run with the weights of another run: new settings, old weights. Where that run has
// an average, the copy that its evaluations read is taken, by which its best epoch was chosen.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "net/model_file.hpp"
#include "parallel/communicator.hpp"
#include "train/find_checkpoint.hpp"

namespace convoy {

struct InitialWeights {
  Buffer<float> parameters;  // in the arena of the new model's net
  std::string sha256;        // as weights_sha256(); empty: no weights were given
};

// The checkpoint must hold every tensor of `model` with the same name and shape, and no other
// tensor. Throws UserError(bad_data) that names the first that does not fit.
InitialWeights initial_weights(const FoundCheckpoint& source, const ModelFile& model);

// Does the same for a file or a run (its best checkpoint if it has one, else its newest): rank 0
// finds and reads it, and sends it to the other ranks. Collective. `found` is set to the file on
// rank 0.
InitialWeights load_initial_weights(Communicator& communicator, const std::filesystem::path& path,
                                    const ModelFile& model, std::filesystem::path& found);

// A run that continues must have begun with the weights that are asked for now: those of `source`,
// a file or a run, or the model's own where it is empty. `begun`: the SHA-256 that the run in
// `folder` records. Throws UserError(usage) where they differ; `setting` names what asked for them.
// Where `source` no longer exists nothing is checked, since the run does not need it any more; for
// one that cannot be read the errors of find_checkpoint() are thrown. Reads files, so rank 0 alone
// calls it.
void check_initial_weights(const std::filesystem::path& folder, std::string_view begun,
                           const std::filesystem::path& source, std::string_view setting);

}  // namespace convoy
