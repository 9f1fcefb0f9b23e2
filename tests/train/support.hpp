// SPDX-License-Identifier: Apache-2.0
// Small runs for the tests of training.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "data/catalog.hpp"
#include "net/model_file.hpp"
#include "tests/base/files.hpp"
#include "tests/base/temporary_folder.hpp"
#include "train/checkpoint.hpp"
#include "train/safetensors.hpp"
#include "train/trainer.hpp"

namespace convoy::train_tests {

namespace fs = std::filesystem;

// A folder in which fsync is fast: in memory, where the system has such a file system.
inline fs::path fast_folder() {
  const fs::path shared_memory = "/dev/shm";
  return ::access(shared_memory.c_str(), W_OK) == 0 ? shared_memory : fs::temp_directory_path();
}

class TempFolder : public test::TemporaryFolder {
 public:
  explicit TempFolder(const fs::path& parent = fast_folder()) : TemporaryFolder(parent) {}
};

// The names in a folder, sorted.
std::vector<std::string> names_in(const fs::path& folder);

// A net of a convolution, a pool and a dense layer over 6 x 6 images; momentum, so that the
// optimizer has a state.
ModelFile tiny_model(const std::vector<Override>& overrides = {});
// The same with a batch normalisation, norm1, behind the convolution.
ModelFile tiny_normalized_model(const std::vector<Override>& overrides = {});

// Matches tiny_model().
TrainAndTest tiny_data(Index train_samples = 61, Index test_samples = 20);

// An engine for `model`, of this many threads.
std::unique_ptr<Engine> tiny_engine(const ModelFile& model, Communicator& communicator,
                                    int threads = 1, Parallelism threads_by = Parallelism::data);

// A checkpoint of tiny_model() at this step: its first parameter is the step's number, all others
// are zero.
Checkpoint checkpoint_at(Index step, const DataSettings& data = {},
                         const std::string& test_sha256 = "");

// The content of a checkpoint as one text: texts are equal exactly where all contents are equal.
std::string content(const Checkpoint& checkpoint);

// The tensors of a file, to write them again with other metadata.
struct FileTensors {
  explicit FileTensors(const safetensors::Reader& reader);
  FileTensors(const FileTensors&) = delete;
  FileTensors& operator=(const FileTensors&) = delete;

  std::vector<std::vector<float>> values;    // of each tensor
  std::vector<safetensors::Tensor> tensors;  // they refer to `values`
};

// All but the seconds, bit for bit.
std::string content(const std::vector<EpochMetrics>& epochs);

// The message of the UserError that `call` throws; its fault has to be `fault`.
std::string user_error(Fault fault, const std::function<void()>& call);

}  // namespace convoy::train_tests
