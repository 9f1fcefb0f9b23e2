// SPDX-License-Identifier: Apache-2.0
// KEY=VALUE of the command line reaches every key, is checked like the file, and appears in the
// model's text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "net/model_file.hpp"
#include "tests/net/failure.hpp"

namespace convoy {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kModel = R"(name = "x"
input = { height = 12, width = 12, channels = 1 }
[[layer]]
type = "conv2d"
filters = 4
kernel = 3
weight_init = "he_normal"
[[layer]]
type = "dense"
name = "out"
units = 10
[loss]
type = "softmax_cross_entropy"
)";

ModelFile with(const std::vector<Override>& overrides) {
  return parse_model_file(kModel, "m.toml", overrides);
}

// A model whose file gives settings to SGD, and a group.
constexpr const char* kTuned = R"(
[optimizer]
learning_rate = 0.3
momentum = 0.9

[[optimizer.group]]
match = "*.bias"
weight_decay = 0
)";

TEST(Override, AnotherOptimizerBeginsWithItsOwnDefaults) {
  const std::string text = std::string(kModel) + kTuned;
  const auto optimizer = [&](const std::vector<Override>& overrides) {
    return parse_model_file(text, "m.toml", overrides).train.optimizer;
  };
  EXPECT_EQ(optimizer({}), Optimizer(Sgd{0.3, 0.9}));
  EXPECT_EQ(optimizer({"optimizer.type=sgd"}), Optimizer(Sgd{0.3, 0.9}));
  EXPECT_EQ(optimizer({"optimizer.type=adam"}), Optimizer(Adam{}));
  const Adam adamw{.beta1 = 0.8, .weight_decay = 0.01, .decoupled_weight_decay = true};
  EXPECT_EQ(optimizer({"optimizer.type=adamw", "optimizer.beta1=0.8"}), Optimizer(adamw));
  EXPECT_EQ(optimizer({"optimizer.beta1=0.8", "optimizer.type=adamw"}), Optimizer(adamw));
  EXPECT_EQ(optimizer({"optimizer.type=rmsprop", "optimizer.centered=true"}),
            Optimizer(RmsProp{.centered = true}));
  const ModelFile model =
      parse_model_file(text, "m.toml", std::vector<Override>{"optimizer.type=adam"});
  EXPECT_EQ(model.train.optimizer_groups.size(), 1u);
  EXPECT_EQ(parse_model_file(model.text, "text").text, model.text);
  EXPECT_EQ(parse_model_file(model.text, "text").train, model.train);
}

// The limit of the norm belongs to no type.
TEST(Override, ClippingStaysWithAnotherOptimizer) {
  const std::string text = std::string(kModel) + "[optimizer]\nmomentum = 0.9\nclip_norm = 2.5\n";
  const auto settings = [&](const std::vector<Override>& overrides) {
    const ModelFile model = parse_model_file(text, "m.toml", overrides);
    EXPECT_EQ(parse_model_file(model.text, "text").train, model.train);
    return model.train;
  };
  EXPECT_EQ(settings({}).clip_norm, 2.5);
  EXPECT_EQ(settings({"optimizer.type=muon"}).clip_norm, 2.5);
  EXPECT_EQ(settings({"optimizer.type=muon", "optimizer.ns_steps=3"}).optimizer,
            Optimizer(Muon{.ns_steps = 3}));
  EXPECT_EQ(settings({"optimizer.type=lars"}).optimizer, Optimizer(Lars{}));
  EXPECT_EQ(settings({"optimizer.clip_norm=1e-3"}).clip_norm, 1e-3);
}

TEST(Override, AnotherAverageBeginsWithItsOwnDefaults) {
  const std::string text =
      kModel + "[average]\ntype = \"ema\"\ndecay = 0.5\nevaluate = \"trained\"\n";
  const auto train = [&](const std::vector<Override>& overrides) {
    const ModelFile model = parse_model_file(text, "m.toml", overrides);
    EXPECT_EQ(parse_model_file(model.text, "text").text, model.text);
    EXPECT_EQ(parse_model_file(model.text, "text").train, model.train);
    return model.train;
  };
  EXPECT_EQ(train({}).average, Average(Ema{0.5}));
  EXPECT_EQ(train({}).evaluate, WeightsCopy::trained);
  EXPECT_EQ(train({"average.warmup=true"}).average, Average(Ema{0.5, true}));
  EXPECT_EQ(train({"average.type=lookahead", "average.steps=7"}).average, Average(Lookahead{7}));
  EXPECT_EQ(train({"average.type=lookahead"}).evaluate, WeightsCopy::trained);
  EXPECT_EQ(train({"average.type=none"}).average, Average(NoAverage{}));
  EXPECT_EQ(train({"average.type=none"}), with({}).train);
  EXPECT_EQ(with({}).text.find("average"), std::string::npos);
  EXPECT_EQ(with({"average.type=ema"}).train.evaluate, WeightsCopy::average);
}

TEST(Override, ReachesEveryKeyOfTrain) {
  const std::vector<Override> all = {"train.batch=7",
                                     "train.grain=3",
                                     "train.epochs=9",
                                     "train.order=shards:4",
                                     "train.seed=77",
                                     "optimizer.learning_rate=0.25",
                                     "optimizer.momentum=0.5",
                                     "optimizer.nesterov=true",
                                     "optimizer.weight_decay=1e-3",
                                     "train.schedule=cosine",
                                     "train.warmup_epochs=2",
                                     "train.step_epochs=1.5",
                                     "train.step_factor=0.3",
                                     "train.final_learning_rate=1e-05",
                                     "train.milestones=[1, 2.5]",
                                     "train.pct_start=0.25",
                                     "train.div_factor=5",
                                     "train.anneal_strategy=linear"};
  TrainSettings want;
  want.batch = 7;
  want.grain = 3;
  want.epochs = 9;
  want.order = "shards:4";
  want.seed = 77;
  want.optimizer = Sgd{0.25, 0.5, true, 1e-3};
  want.schedule = ScheduleKind::cosine;
  want.warmup_epochs = 2;
  want.step_epochs = 1.5;
  want.step_factor = 0.3;
  want.final_learning_rate = 1e-05;
  want.milestones = {1, 2.5};
  want.pct_start = 0.25;
  want.div_factor = 5;
  want.anneal_strategy = AnnealStrategy::linear;
  const ModelFile model = with(all);
  EXPECT_EQ(model.train, want);
  EXPECT_EQ(parse_model_file(model.text, "again").train, want);
  EXPECT_EQ(parse_model_file(model.text, "again").text, model.text);
}

TEST(Override, ReachesInputLossNameAndLayers) {
  const ModelFile model =
      with({"name=other", "input.scale=1", "input.mean=0.5", "input.std=[2]", "input.height=9",
            "layer.0.filters=16", "layer.conv1.kernel=[3, 1]", "layer.out.units=3",
            "layer.0.activation=tanh", "layer.conv1.weight_learning_rate_factor=0.5",
            "loss.type=sigmoid_binary_cross_entropy", "layer.out.bias=false"});
  EXPECT_EQ(model.net.name(), "other");
  EXPECT_EQ(model.net.input(), (Shape{9, 12, 1}));
  EXPECT_EQ(model.net.normalization(), (Normalization{1, {0.5}, {2}}));
  EXPECT_EQ(output_shape(model.net.layers()[0].op), (Shape{7, 12, 16}));
  EXPECT_EQ(model.net.layers()[1].name, "conv1.tanh");
  EXPECT_EQ(model.net.loss().classes, 3);
  EXPECT_EQ(model.net.loss().function, LossFunction::sigmoid_binary_cross_entropy);
  EXPECT_EQ(model.net.parameter_tensors()[0].learning_rate_factor, 0.5);
  EXPECT_EQ(model.net.parameter_tensors().size(), 3U);
  EXPECT_EQ(parse_model_file(model.text, "again").text, model.text);
}

TEST(Override, TurnsAnInitializersShortFormIntoTheLongOne) {
  const ModelFile model =
      with({"layer.0.weight_init.type=uniform", "layer.0.weight_init.range=0.25"});
  EXPECT_EQ(model.net.layers()[0].weight_initializer.kind, InitializerKind::uniform);
  EXPECT_EQ(model.net.layers()[0].weight_initializer.range, 0.25);
}

TEST(Override, TheLastOneCounts) {
  EXPECT_EQ(with({"train.batch=7", "train.batch=9"}).train.batch, 9);
}

TEST(Override, OneMessageForEachMistake) {
  const std::vector<std::pair<Override, std::string>> mistakes = {
      {"train.momentun=0.9", "did you mean 'optimizer.momentum'?"},
      {"train.lr=0.9", "did you mean 'optimizer.learning_rate'?"},
      {"optimizer.momentun=0.9", "did you mean 'momentum'?"},
      {"momentum=0.9", "did you mean 'optimizer.momentum'?"},
      {"trian.momentum=0.9", "did you mean 'optimizer.momentum'?"},
      {"averag.type=ema", "did you mean 'average.type'?"},
      {"scale=2", "did you mean 'input.scale'?"},
      {"layr.0.filters=2", "did you mean 'layer.0.filters'?"},
      {"qqqqqqqq=1", "use one of name"},
      {"train..batch=1", "did you mean 'train.batch'?"},
      {"optimizer.momentum=fast", "must be a number, not the string 'fast'"},
      {"optimizer.momentum=2", "less than 1"},
      {"optimizer.momentum=", "is not TOML"},
      {"optimizer.momentum=1\nbatch=3", "is not TOML"},
      {"optimizer.momentum", "not of the form KEY=VALUE"},
      {"=3", "not of the form KEY=VALUE"},
      {"", "not of the form KEY=VALUE"},
      {"train.batch.size=3", "'batch' must be a whole number, not a table"},
      {"input.height.x=3", "'height' has no keys"},
      {"name.x=3", "'name' has no keys"},
      {"layer.2.filters=3", "unknown layer '2' (the model has layers 0 to 1)"},
      {"layer.conv2.filters=3", "did you mean 'conv1'?"},
      {"layer.0=3", "names no key of the layer"},
      {"layer=3", "'layer' must be an array of tables"},
      {"layer.0.filter=3", "did you mean 'filters'?"},
      {"layer.0.kernel=13", "layer 'conv1' (conv2d): kernel 13 x 13 is larger"},
      {"layer.0.type=conv", "did you mean 'conv2d'?"},
      {"layer.out.units=1", "layer 'out' (dense)"},
      {"loss.typ=softmax_cross_entropy", "did you mean 'type'?"},
  };
  for (const auto& [override, said] : mistakes) {
    const Failure failure = failure_of([&, o = override] { with({o}); });
    if (override != "layer.out.units=1") {
      EXPECT_EQ(failure.fault, Fault::usage) << override;
      EXPECT_THAT(failure.message, StartsWith("--set " + override)) << override;
    }
    EXPECT_THAT(failure.message, HasSubstr(said)) << override;
  }
}

TEST(Override, AFaultOfTheFileStaysOne) {
  const Failure failure = failure_of([] {
    parse_model_file("name = \"x\"\nnonsense = 1\n", "m.toml",
                     std::vector<Override>{"train.batch=3"});
  });
  EXPECT_EQ(failure.fault, Fault::bad_data);
  EXPECT_THAT(failure.message, StartsWith("m.toml:2: unknown key 'nonsense'"));
}

// Bytes of the text are changed, removed or doubled. The result is a model whose text gives the
// same model again, or one message.
TEST(ModelFuzz, DamagedFilesNeverCrash) {
  std::mt19937 random(11);
  const auto below = [&](std::size_t n) { return random() % n; };
  const std::string alphabet = "=[]{}\"'.,#\n 0159-+_aeixtruefalsnul\\\t:";
  int parsed = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = kModel;
    for (std::size_t damage = 0; damage <= below(4); ++damage) {
      const std::size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text[at] = alphabet[below(alphabet.size())];
          break;
        case 2:
          text.erase(at, 1 + below(20));
          break;
        default:
          text.insert(at, text.substr(below(text.size()), below(40)));
      }
      if (text.empty()) text = " ";
    }
    try {
      const ModelFile model = parse_model_file(text, "fuzz");
      ++parsed;
      ASSERT_EQ(parse_model_file(model.text, "again").text, model.text) << text;
    } catch (const UserError& error) {
      ASSERT_EQ(error.fault(), Fault::bad_data);
      ASSERT_THAT(error.what(), StartsWith("fuzz"));
    }
  }
  EXPECT_GT(parsed, 100);
}

TEST(ModelFuzz, RandomOverridesNeverCrash) {
  std::mt19937 random(12);
  const std::vector<std::string> pieces = {
      "train", "layer",  "input",     "loss",    "name",   ".",    ".",           "0",
      "1",     "conv1",  "out",       "filters", "kernel", "type", "weight_init", "range",
      "batch", "order",  "=",         "=",       "3",      "-1",   "0.5",         "shards:2",
      "\"x\"", "[1, 2]", "{ a = 1 }", "true",    "\n",     "#",    "inf",         "''"};
  for (int round = 0; round < 20'000; ++round) {
    Override override;
    for (std::size_t i = 0; i < 1 + random() % 7; ++i) override += pieces[random() % pieces.size()];
    try {
      const ModelFile model = with({override});
      ASSERT_EQ(parse_model_file(model.text, "again").text, model.text) << override;
    } catch (const UserError& error) {
      ASSERT_FALSE(std::string(error.what()).empty());
    }
  }
}

TEST(ModelFuzz, DeepNestingIsRefused) {
  for (const std::string& open : {std::string("["), std::string("{a=")}) {
    std::string deep = "name = ";
    for (int i = 0; i < 100'000; ++i) deep += open;
    EXPECT_THAT(failure_of([&] { parse_model_file(deep, "deep"); }).message,
                HasSubstr("nested too deeply"));
  }
}

}  // namespace
}  // namespace convoy
