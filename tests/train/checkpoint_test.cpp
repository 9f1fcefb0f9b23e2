// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <span>

#include "base/digest.hpp"
#include "tests/train/support.hpp"
#include "train/safetensors.hpp"

namespace convoy {
namespace {

using namespace train_tests;

Checkpoint some_checkpoint(const ModelFile& model, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> draw(-1, 1);
  Checkpoint checkpoint{model, {"a", "\"b\"", "", "\xc3\xa9"}, {}, {}, std::string(64, 'd'), {},
                        {}};
  checkpoint.position = {3, 5, 21, {}, 0.1 + 0.2};
  checkpoint.position.epoch_sums = {1.0 / 3 + static_cast<double>(draw(random)) + 1, 17, 40, 0};
  checkpoint.state.parameters = Buffer<float>(model.net.arena_size());
  for (std::size_t s = 0; s < optimizer_of(model.net, model.train).slot_count(); ++s) {
    checkpoint.state.slots.emplace_back(model.net.arena_size());
  }
  for (const ParameterTensor& tensor : model.net.parameter_tensors()) {
    for (Index i = tensor.offset; i < tensor.offset + tensor.size; ++i) {
      checkpoint.state.parameters[i] = draw(random);
      for (Buffer<float>& slot : checkpoint.state.slots) slot[i] = draw(random);
    }
  }
  return checkpoint;
}

TEST(Checkpoint, ReturnsWhatWasSaved) {
  const TempFolder folder;
  for (const std::string setting : {"optimizer.momentum=0", "optimizer.momentum=0.9",
                                    "optimizer.type=adam", "average.type=ema"}) {
    const ModelFile model = tiny_model({setting});
    const Checkpoint saved = some_checkpoint(model);
    save_checkpoint(folder / "c.safetensors", saved);
    const Checkpoint loaded = load_checkpoint(folder / "c.safetensors");
    EXPECT_EQ(content(loaded), content(saved));
    EXPECT_EQ(loaded.weights_sha256, weights_sha256(model.net, saved.state));
    EXPECT_EQ(loaded.state_sha256, state_sha256(model.net, saved.state, 21));
    EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"c.safetensors"});
  }
}

// The average has tensors and a digest of its own, and evaluations read what the model names.
TEST(Checkpoint, HoldsTheAverage) {
  const TempFolder folder;
  const ModelFile model = tiny_model({"optimizer.momentum=0.9", "average.type=lookahead"});
  const Checkpoint saved = some_checkpoint(model);
  save_checkpoint(folder / "c.safetensors", saved);
  const safetensors::Reader reader(folder / "c.safetensors");
  for (const ParameterTensor& tensor : model.net.parameter_tensors()) {
    EXPECT_TRUE(reader.tensors().contains("average." + tensor.name)) << tensor.name;
  }
  Checkpoint loaded = load_checkpoint(folder / "c.safetensors");
  EXPECT_EQ(loaded.average_sha256, reader.metadata().at("average_sha256"));
  EXPECT_EQ(loaded.average_sha256, average_sha256(model, saved.state));
  EXPECT_NE(loaded.average_sha256, loaded.weights_sha256);
  EXPECT_EQ(&evaluated_weights(loaded), &loaded.state.slots[1]);
  EXPECT_EQ(evaluated_sha256(loaded), loaded.average_sha256);
  choose_weights(loaded, WeightsCopy::trained, "c");
  EXPECT_EQ(&evaluated_weights(loaded), &loaded.state.parameters);
  EXPECT_EQ(evaluated_sha256(loaded), loaded.weights_sha256);

  Checkpoint plain = some_checkpoint(tiny_model());
  EXPECT_EQ(average_sha256(plain.model, plain.state), "");
  EXPECT_EQ(&evaluated_weights(plain), &plain.state.parameters);
  choose_weights(plain, WeightsCopy::trained, "p");
  EXPECT_THROW(choose_weights(plain, WeightsCopy::average, "p"), UserError);
}

// Buffers are not averaged: the file has them once, and the average is evaluated with them.
TEST(Checkpoint, TheAverageHasTheBuffersOfTheWeights) {
  const TempFolder folder;
  const ModelFile model = tiny_normalized_model({"average.type=ema"});
  Checkpoint saved = some_checkpoint(model);
  for (const ParameterTensor& tensor : model.net.tensors()) {
    for (Index i = tensor.offset; tensor.is_buffer && i < tensor.offset + tensor.size; ++i) {
      for (Buffer<float>& slot : saved.state.slots) slot[i] = 0;  // an optimizer has none for them
      saved.state.parameters[i] = saved.state.slots.back()[i] = static_cast<float>(i);
    }
  }
  save_checkpoint(folder / "c.safetensors", saved);
  const safetensors::Reader reader(folder / "c.safetensors");
  EXPECT_TRUE(reader.tensors().contains("norm1.running_mean"));
  EXPECT_TRUE(reader.tensors().contains("average.norm1.weight"));
  EXPECT_FALSE(reader.tensors().contains("average.norm1.running_mean"));
  const Checkpoint loaded = load_checkpoint(folder / "c.safetensors");
  EXPECT_EQ(content(loaded), content(saved));
  EXPECT_EQ(loaded.average_sha256, average_sha256(model, saved.state));
  for (const ParameterTensor& tensor : model.net.tensors()) {
    float& last = saved.state.slots.back()[tensor.offset + tensor.size - 1];
    last = -last;
    EXPECT_NE(average_sha256(model, saved.state), loaded.average_sha256) << tensor.name;
    last = -last;
  }
}

// Whatever bytes the names have; those that are no UTF-8 are replaced.
TEST(Checkpoint, KeepsTheClassNames) {
  const TempFolder folder;
  Checkpoint saved = some_checkpoint(tiny_model());
  using Names = std::vector<std::string>;
  for (const Names& names :
       {Names{}, Names{"one"}, Names{"", "\"\\\n\x1b[31m", "</td>", "\xc3\xa9\xe2\x80\xae"}}) {
    saved.class_names = names;
    save_checkpoint(folder / "c.safetensors", saved);
    EXPECT_EQ(load_checkpoint(folder / "c.safetensors").class_names, names);
  }
  saved.class_names = {"\xff"};
  save_checkpoint(folder / "c.safetensors", saved);
  EXPECT_EQ(load_checkpoint(folder / "c.safetensors").class_names, Names{"\xef\xbf\xbd"});
  EXPECT_EQ(safetensors::Reader(folder / "c.safetensors").metadata().at("arithmetic"), "fp32");
}

TEST(Checkpoint, DigestsSeeEveryNumber) {
  const ModelFile model = tiny_model({"optimizer.type=adamw", "average.type=ema"});
  Checkpoint c = some_checkpoint(model);
  ASSERT_EQ(c.state.slots.size(), 3u);
  const std::string weights = weights_sha256(model.net, c.state);
  const std::string state = state_sha256(model.net, c.state, 21);
  EXPECT_NE(state_sha256(model.net, c.state, 22), state);
  for (const ParameterTensor& tensor : model.net.parameter_tensors()) {
    const Index last = tensor.offset + tensor.size - 1;
    float& weight = c.state.parameters[last];
    weight = -weight;
    EXPECT_NE(weights_sha256(model.net, c.state), weights) << tensor.name;
    EXPECT_NE(state_sha256(model.net, c.state, 21), state) << tensor.name;
    weight = -weight;
    for (Buffer<float>& slot : c.state.slots) {
      slot[last] = -slot[last];
      EXPECT_EQ(weights_sha256(model.net, c.state), weights) << tensor.name;
      EXPECT_NE(state_sha256(model.net, c.state, 21), state) << tensor.name;
      slot[last] = -slot[last];
    }
  }
}

// The digests fit, so that the file is whole; but no run writes such numbers.
TEST(Checkpoint, NumbersThatAreNotFiniteAreRefused) {
  const TempFolder folder;
  const fs::path file = folder / "c.safetensors";
  const ModelFile model = tiny_normalized_model({"optimizer.momentum=0.9"});
  const auto refused = [&](const ParameterTensor& tensor, bool is_slot, float value) {
    Checkpoint saved = some_checkpoint(model);
    auto& arena = is_slot ? saved.state.slots[0] : saved.state.parameters;
    arena[tensor.offset + tensor.size - 1] = value;
    save_checkpoint(file, saved);
    const std::string message = user_error(Fault::bad_data, [&] { load_checkpoint(file); });
    EXPECT_NE(message.find(tensor.name + ": a number is not finite"), std::string::npos) << message;
  };
  for (const ParameterTensor& tensor : model.net.tensors()) {
    refused(tensor, false, std::numeric_limits<float>::quiet_NaN());
    refused(tensor, false, -std::numeric_limits<float>::infinity());
    if (!tensor.is_buffer) refused(tensor, true, std::numeric_limits<float>::infinity());
  }
}

// A damaged file gives the saved content or a UserError, nothing else.
TEST(Checkpoint, DamageNeverPassesForContent) {
  const TempFolder folder;
  const auto file = folder / "c.safetensors";
  const Checkpoint saved = some_checkpoint(tiny_model());
  save_checkpoint(file, saved);
  const std::string good = test::read_file(file);
  const std::string wanted = content(saved);
  std::mt19937 random(11);
  int refused = 0;
  const auto check = [&](const std::string& bytes, const std::string& what) {
    test::write_file(file, bytes);
    try {
      ASSERT_EQ(content(load_checkpoint(file)), wanted) << what;
    } catch (const UserError& error) {
      ++refused;
      ASSERT_EQ(error.fault(), Fault::bad_data) << what << ": " << error.what();
    }
  };
  for (int trial = 0; trial < 1500; ++trial) {
    std::string bytes = good;
    const std::size_t at = random() % bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
    ASSERT_NO_FATAL_FAILURE(check(bytes, "bit flipped in byte " + std::to_string(at)));
  }
  for (int trial = 0; trial < 300; ++trial) {
    const std::size_t size = random() % good.size();
    ASSERT_NO_FATAL_FAILURE(check(good.substr(0, size), "cut to " + std::to_string(size)));
  }
  for (int trial = 0; trial < 300; ++trial) {
    std::string bytes = good;
    const std::size_t begin = random() % bytes.size(), length = 1 + random() % 64;
    for (std::size_t i = begin; i < std::min(begin + length, bytes.size()); ++i) {
      bytes[i] = static_cast<char>(random());
    }
    ASSERT_NO_FATAL_FAILURE(check(bytes, "noise from byte " + std::to_string(begin)));
  }
  for (int trial = 0; trial < 100; ++trial) {
    ASSERT_NO_FATAL_FAILURE(check(good + std::string(1 + random() % 9, '\0'), "longer"));
    std::string bytes = good;
    bytes.erase(random() % bytes.size(), 1 + random() % 16);
    ASSERT_NO_FATAL_FAILURE(check(bytes, "bytes removed"));
  }
  EXPECT_GT(refused, 1500);
}

// Writes the digest that belongs to the other entries (docs/formats.md, "Digests").
void sign(safetensors::Metadata& metadata) {
  metadata.erase("metadata_sha256");
  Sha256 digest;
  for (const auto& [key, value] : metadata) {
    for (const std::string* text : {&key, &value}) {
      digest.update_number(std::uint64_t{text->size()});
      digest.update(std::span<const char>(*text));
    }
  }
  metadata["metadata_sha256"] = digest.hex();
}

// Well-formed files of other programs, or with metadata that do not fit the tensors.
TEST(Checkpoint, SaysWhatAForeignFileLacks) {
  const TempFolder folder;
  const auto file = folder / "c.safetensors";
  const Checkpoint saved = some_checkpoint(tiny_model());
  save_checkpoint(file, saved);
  const safetensors::Reader reader(file);
  FileTensors all(reader);
  const std::vector<safetensors::Tensor>& tensors = all.tensors;
  const auto message = [&](const safetensors::Metadata& metadata,
                           const std::vector<safetensors::Tensor>& some) {
    safetensors::write(file, metadata, some);
    return user_error(Fault::bad_data, [&] { load_checkpoint(file); });
  };
  EXPECT_NE(message({}, tensors).find("schema is missing"), std::string::npos);

  safetensors::Metadata newer = reader.metadata();
  newer["schema"] = "convoy.checkpoint/3";
  EXPECT_NE(message(newer, tensors).find("convoy.checkpoint/3"), std::string::npos);
  newer["schema"] = "another/1";
  EXPECT_NE(message(newer, tensors).find("another/1"), std::string::npos);

  // With a digest of the metadata that fits: only the content is wrong.
  const auto changed = [&](const std::string& key, const std::string& value) {
    safetensors::Metadata metadata = reader.metadata();
    metadata[key] = value;
    sign(metadata);
    return message(metadata, tensors);
  };
  EXPECT_NE(changed("arithmetic", "bf16").find("it is bf16, but the model's is fp32"),
            std::string::npos);
  EXPECT_NE(changed("class_names", R"(["a","b","c","d","e"])").find("5 names"), std::string::npos);
  EXPECT_NE(changed("class_names", R"(["a",1])").find("class_names"), std::string::npos);
  safetensors::Metadata without = reader.metadata();
  without.erase("arithmetic");
  sign(without);
  EXPECT_NE(message(without, tensors).find("arithmetic is missing"), std::string::npos);

  safetensors::Metadata moved = reader.metadata();
  moved["epoch"] = "2";
  EXPECT_NE(message(moved, tensors).find("metadata"), std::string::npos);

  std::vector<safetensors::Tensor> fewer(tensors.begin() + 1, tensors.end());
  EXPECT_NE(message(reader.metadata(), fewer).find(tensors[0].name), std::string::npos);

  std::vector<safetensors::Tensor> more = tensors;
  more.push_back({"extra", {1}, std::span(all.values[0]).first(1)});
  EXPECT_NE(message(reader.metadata(), more).find("tensors"), std::string::npos);

  std::vector<safetensors::Tensor> reshaped = tensors;
  reshaped[0].shape = {1, static_cast<Index>(reshaped[0].values.size()), 1};
  EXPECT_NE(message(reader.metadata(), reshaped).find("shape"), std::string::npos);

  all.values[0][0] += 1;
  EXPECT_NE(message(reader.metadata(), tensors).find("digest"), std::string::npos);
}

TEST(Checkpoint, AFolderThatIsNoRunIsNamed) {
  const TempFolder folder;
  EXPECT_NE(user_error(Fault::not_found, [&] { load_checkpoint(folder.path()); })
                .find(folder.path().string()),
            std::string::npos);
  user_error(Fault::not_found, [&] { load_checkpoint(folder / "absent"); });
}

}  // namespace
}  // namespace convoy
