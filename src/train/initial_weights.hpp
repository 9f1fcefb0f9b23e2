// SPDX-License-Identifier: Apache-2.0
// A new run that begins with the weights of another: new settings, old weights.
#pragma once

#include <filesystem>
#include <string>

#include "net/model_file.hpp"
#include "parallel/communicator.hpp"
#include "train/find_checkpoint.hpp"

namespace convoy {

struct InitialWeights {
  Buffer<float> parameters;  // in the arena of the new model's net
  std::string sha256;        // as weights_sha256(); empty: there are none
};

// Every tensor of `model` has to be in the checkpoint with the same name and shape, and no other.
// Throws UserError(bad_data) that names the first that does not fit.
InitialWeights initial_weights(const FoundCheckpoint& source, const ModelFile& model);

// The same of a file or of a run (its best checkpoint where there is one, else its newest), found
// and read by rank 0 and told to the others. Collective. `found` is where rank 0 found them.
InitialWeights load_initial_weights(Communicator& communicator, const std::filesystem::path& path,
                                    const ModelFile& model, std::filesystem::path& found);

}  // namespace convoy
