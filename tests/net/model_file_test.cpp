// SPDX-License-Identifier: Apache-2.0
// Model files: the four that come with the project, and one message for each mistake.
#include "net/model_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "tests/net/failure.hpp"

namespace convoy {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Line 1 is the name; tests below count on the lines.
const std::string kModel = R"(name = "x"
[input]
height = 12
width = 10
channels = 2

[[layer]]
type = "conv2d"
filters = 4
kernel = [3, 5]
activation = "relu"

[[layer]]
type = "max_pool2d"
size = 2

[[layer]]
type = "conv2d"
name = "second"
filters = 6
kernel = 3
padding = 1
weight_init = "he_normal"

[[layer]]
type = "dense"
units = 10
weight_init = { type = "uniform", range = 0.5 }

[loss]
type = "softmax_cross_entropy"

[train]
batch = 8
)";

std::string replaced(const std::string& from, const std::string& to) {
  std::string text = kModel;
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string model_path(const std::string& name) {
  return std::string(CONVOY_SOURCE_DIR) + "/models/" + name + ".toml";
}

void expect_equal(const ModelFile& a, const ModelFile& b) {
  EXPECT_EQ(a.text, b.text);
  EXPECT_EQ(a.train, b.train);
  EXPECT_EQ(a.net.name(), b.net.name());
  EXPECT_EQ(a.net.input(), b.net.input());
  EXPECT_EQ(a.net.normalization(), b.net.normalization());
  EXPECT_EQ(a.net.loss().function, b.net.loss().function);
  EXPECT_EQ(a.net.loss().classes, b.net.loss().classes);
  ASSERT_EQ(a.net.layers().size(), b.net.layers().size());
  for (std::size_t i = 0; i < a.net.layers().size(); ++i) {
    const Layer &la = a.net.layers()[i], &lb = b.net.layers()[i];
    EXPECT_EQ(la.name, lb.name);
    EXPECT_EQ(la.inputs, lb.inputs);
    EXPECT_EQ(type_name(la.op), type_name(lb.op));
    EXPECT_EQ(output_shape(la.op), output_shape(lb.op));
    EXPECT_EQ(la.bias_learning_rate_factor, lb.bias_learning_rate_factor);
  }
  EXPECT_EQ(a.net.flops_per_sample(), b.net.flops_per_sample());
  const Buffer<float> wa = initial_parameters(a.net, 4), wb = initial_parameters(b.net, 4);
  EXPECT_TRUE(std::equal(wa.span().begin(), wa.span().end(), wb.span().begin(), wb.span().end()));
}

TEST(Models, AreThoseOfTheDesign) {
  struct Known {
    std::string name;
    Index parameters, flops;
    std::size_t layers;
  };
  const std::vector<Known> all = {{"tiny-relu", 13'610, 275'808, 4},
                                  {"tiny-sigmoid", 2'343, 379'296, 5},
                                  {"lenet5", 61'706, 2'263'920, 11},
                                  {"vgg-small", 467'818, 111'699'456, 13},
                                  {"mnist-fast", 54'458, 2'154'240, 9}};
  for (const Known& known : all) {
    const ModelFile model = load_model_file(model_path(known.name));
    EXPECT_EQ(model.net.name(), known.name);
    EXPECT_EQ(model.net.parameter_count(), known.parameters) << known.name;
    EXPECT_EQ(model.net.flops_per_sample(), known.flops) << known.name;
    EXPECT_EQ(model.net.layers().size(), known.layers) << known.name;
    EXPECT_EQ(model.net.loss().classes, 10);
    expect_equal(model, parse_model_file(model.text, "again"));
  }
}

TEST(Models, TinySigmoidHasItsFactors) {
  const ModelFile model = load_model_file(model_path("tiny-sigmoid"));
  std::vector<double> factors;
  for (const auto& tensor : model.net.parameter_tensors()) {
    factors.push_back(tensor.learning_rate_factor);
  }
  EXPECT_EQ(factors, (std::vector<double>{1.0 / 576, 1.0 / 576, 1, 1.0 / 216, 1, 1}));
  EXPECT_EQ(model.train.batch, 1);
  EXPECT_EQ(model.train.order, "sequential");
  EXPECT_EQ(learning_rate(model.train.optimizer), 0.1);
  const Buffer<float> weights = initial_parameters(model.net, 1);
  for (const auto& tensor : model.net.parameter_tensors()) {
    EXPECT_NE(weights[tensor.offset], 0) << tensor.name;
  }
}

TEST(ModelFile, ReadsEveryKindOfLayer) {
  const ModelFile model = parse_model_file(R"(
name = "all"
input = { height = 16, width = 16, channels = 1, scale = 1, mean = [3], std = 2 }
[[layer]]
type = "conv2d"
filters = 3
kernel = 3
padding = 1
stride = [1, 1]
bias = false
weight_init = "zeros"
[[layer]]
type = "tanh"
[[layer]]
type = "conv2d"
filters = 3
kernel = 1
inputs = ["conv1"]
activation = "sigmoid"
[[layer]]
type = "add"
inputs = ["tanh1", "conv2"]
[[layer]]
type = "average_pool2d"
size = 3
stride = 2
padding = 1
[[layer]]
type = "subsample"
kernel = 2
shared = false
[[layer]]
type = "relu"
[[layer]]
type = "dense"
units = 5
bias_init = { type = "uniform", range = 1 }
bias_learning_rate_factor = 2
[loss]
type = "sigmoid_binary_cross_entropy"
)",
                                           "all.toml");
  std::vector<std::string> names;
  for (const Layer& layer : model.net.layers()) names.push_back(layer.name);
  EXPECT_EQ(names, (std::vector<std::string>{"conv1", "tanh1", "conv2", "conv2.sigmoid", "add1",
                                             "pool1", "subsample1", "relu1", "dense1"}));
  EXPECT_EQ(model.net.layers()[4].inputs, (std::vector<int>{1, 3}));  // conv2: after its sigmoid
  EXPECT_EQ(output_shape(model.net.layers()[5].op), (Shape{8, 8, 3}));
  EXPECT_EQ(output_shape(model.net.layers()[6].op), (Shape{4, 4, 3}));
  EXPECT_EQ(model.net.parameter_count(), 27 + 12 + 15 + 245);
  EXPECT_EQ(model.net.normalization(), (Normalization{1, {3}, {2}}));
  EXPECT_EQ(model.train, TrainSettings{});
  expect_equal(model, parse_model_file(model.text, "again"));
}

struct Mistake {
  std::string from, to;
  std::string beginning;  // of the message
  std::vector<std::string> said;
};

TEST(ModelFile, NamesFileLineLayerAndRemedy) {
  const std::vector<Mistake> mistakes = {
      {"name = \"x\"", "name = x", "m.toml:1: not TOML", {}},
      {"height = 12", "h\xC3\xB6he = 12", "m.toml:3: not TOML", {"outside of ASCII", "comments"}},
      {"height = 12", "height == 12", "m.toml:3: not TOML", {"correct this line"}},
      {"width = 10", "height = 10", "m.toml:4: not TOML", {"'height'"}},
      {"name = \"x\"\n", "", "m.toml: missing key 'name'", {"add name = "}},
      {"name = \"x\"", "name = \"a/b\"", "m.toml:1: 'a/b' can't be a model's name", {}},
      {"name = \"x\"", "name = \"x\"\nlr = 1", "m.toml:2: unknown key 'lr'", {}},
      {"name = \"x\"",
       "name = \"x\"\narithmetic = \"bf16\"",
       "m.toml:2: unknown arithmetic 'bf16'",
       {"use 'fp32'"}},
      {"name = \"x\"",
       "name = \"x\"\narithmetic = 32",
       "m.toml:2: 'arithmetic' must be a string",
       {}},
      {"units = 10", "units = 65537", "m.toml:", {"has 65537 outputs", "16 bits", "most 65536"}},
      {"height = 12", "hieght = 12", "m.toml:3: [input]: unknown key 'hieght'", {"'height'?"}},
      {"width = 10\n", "", "m.toml:2: [input]: missing key 'width'", {"add width = 28"}},
      {"width = 10", "width = 0", "m.toml:4: [input]: 'width' is 0", {"1 to 65536"}},
      {"width = 10",
       "width = \"wide\"",
       "m.toml:4: [input]: 'width' must be a whole number",
       {"not the string 'wide'"}},
      {"channels = 2",
       "channels = 2\nmean = [1]",
       "m.toml:6: [input]: 'mean' has 1 values",
       {"2 channels"}},
      {"channels = 2", "channels = 2\nstd = [1, 0]", "m.toml:6: [input]: 'std' is 0", {"above 0"}},
      {"channels = 2", "channels = 2\nresize = \"pad\"", "m.toml:6: [input]", {"stretch", "crop"}},
      {"channels = 2", "channels = 2\ntranspose = 1", "m.toml:6: [input]: 'transpose'", {}},
      {"channels = 2", "channels = 2\nfirst_label = -1", "m.toml:6: [input]: 'first_label'", {}},
      {"channels = 2", "channels = 2\nscale = inf", "m.toml:6: [input]: 'scale' is inf", {}},
      {"type = \"conv2d\"",
       "type = \"conv2\"",
       "m.toml:8: layer '0': unknown type 'conv2'",
       {"did you mean 'conv2d'?"}},
      {"type = \"conv2d\"\n", "", "m.toml:7: layer '0': missing key 'type'", {"max_pool2d"}},
      {"filters = 4",
       "filter = 4",
       "m.toml:9: layer 'conv1' (conv2d): unknown key 'filter'",
       {"did you mean 'filters'?"}},
      {"filters = 4\n",
       "",
       "m.toml:7: layer 'conv1' (conv2d): missing key 'filters'",
       {"add filters"}},
      {"filters = 4",
       "filters = 4.5",
       "m.toml:9: layer 'conv1' (conv2d): 'filters' must be a whole",
       {"not the number 4.5"}},
      {"filters = 4", "filters = 1979-05-27", "m.toml:9: layer 'conv1'", {"a date"}},
      {"kernel = [3, 5]",
       "kernel = [3, 5, 1]",
       "m.toml:10: layer 'conv1' (conv2d): 'kernel' has 3",
       {"[height, width]"}},
      {"kernel = [3, 5]", "kernel = [3, true]", "m.toml:10: layer 'conv1'", {"not true"}},
      {"kernel = [3, 5]",
       "kernel = [3, 50]",
       "m.toml:10: layer 'conv1' (conv2d): kernel 3 x 50 is larger than its padded input",
       {"12 x 10 x 2", "make kernel smaller"}},
      {"activation = \"relu\"",
       "activation = \"rely\"",
       "m.toml:11: layer 'conv1' (conv2d): unknown activation 'rely'",
       {"'relu'?"}},
      {"size = 2",
       "size = 20",
       "m.toml:15: layer 'pool1' (max_pool2d): size 20 x 20 is larger",
       {}},
      {"size = 2",
       "size = 2\nweight_init = \"zeros\"",
       "m.toml:16: layer 'pool1' (max_pool2d): unknown key 'weight_init'",
       {}},
      {"name = \"second\"",
       "name = \"conv1\"",
       "m.toml:19: layer 'conv1' (conv2d): the name is taken",
       {"a name of its own"}},
      {"name = \"second\"", "name = \"7\"", "m.toml:19: layer '7' (conv2d): '7' can't be", {}},
      {"name = \"second\"",
       "inputs = [\"pool\"]",
       "m.toml:19: layer 'conv2' (conv2d): unknown input 'pool'",
       {"did you mean 'pool1'?"}},
      {"name = \"second\"",
       "inputs = [\"dense1\"]",
       "m.toml:19: layer 'conv2' (conv2d): its input 'dense1' does not come before it",
       {}},
      {"name = \"second\"",
       "inputs = [\"conv1\"]",
       "m.toml:13: layer 'pool1' (max_pool2d): no layer reads it",
       {}},
      {"padding = 1",
       "padding = 3",
       "m.toml:22: layer 'second' (conv2d): padding 3 x 3 is not smaller",
       {"at most kernel - 1"}},
      {"\"he_normal\"",
       "\"he_norm\"",
       "m.toml:23: layer 'second' (conv2d): unknown weight_init 'he_norm'",
       {"'he_normal'?"}},
      {"\"he_normal\"",
       "\"uniform\"",
       "m.toml:23: layer 'second' (conv2d): weight_init 'uniform' needs a range",
       {"range = 0.5"}},
      {"type = \"uniform\", range = 0.5",
       "type = \"zeros\", range = 0.5",
       "m.toml:28: layer 'dense1' (dense): weight_init has a range",
       {"'uniform' alone"}},
      {"type = \"uniform\", range = 0.5",
       "range = 0.5",
       "m.toml:28: layer 'dense1' (dense): weight_init: missing key 'type'",
       {}},
      {"units = 10",
       "units = 10\nbias = false\nbias_init = \"zeros\"",
       "m.toml:29: layer 'dense1' (dense): 'bias_init' in a layer without a bias",
       {}},
      {"units = 10",
       "units = 1",
       "m.toml:25: layer 'dense1' (dense): the last layer has a single",
       {"at least two units"}},
      {"[[layer]]\ntype = \"dense\"\nunits = 10\nweight_init = { type = \"uniform\", range = 0.5 "
       "}\n",
       "",
       "m.toml:17: layer 'second' (conv2d): the last layer is not one number per class",
       {}},
      {"[loss]\ntype = \"softmax_cross_entropy\"\n", "", "m.toml: missing key 'loss'", {"[loss]"}},
      {"softmax_cross_entropy",
       "softmax_cross_entropi",
       "m.toml:31: [loss]: unknown type",
       {"'softmax_cross_entropy'?"}},
      {"batch = 8", "batch = 0", "m.toml:34: [train]: 'batch' is 0", {"use 1 to"}},
      {"batch = 8", "bach = 8", "m.toml:34: [train]: unknown key 'bach'", {"'batch'?"}},
      {"batch = 8",
       "momentum = 0.9",
       "m.toml:34: [train]: unknown key 'momentum'",
       {"setting of the optimizer", "did you mean 'optimizer.momentum'?"}},
      {"batch = 8", "grain = 129", "m.toml:34: [train]: 'grain' is 129", {"1 to 128"}},
      {"batch = 8",
       "[optimizer]\nmomentum = 1",
       "m.toml:35: [optimizer]: 'momentum' is 1",
       {"less than 1"}},
      {"batch = 8",
       "[optimizer]\nnesterov = true",
       "m.toml:35: [optimizer]: 'nesterov' without momentum",
       {}},
      {"batch = 8",
       "[optimizer]\nnesterov = 1",
       "m.toml:35: [optimizer]: 'nesterov' must be true or false",
       {}},
      {"batch = 8",
       "[optimizer]\nrate = 8",
       "m.toml:35: [optimizer]: unknown key 'rate'",
       {"'learning_rate'?"}},
      {"batch = 8",
       "[optimizer]\nbeta1 = 0.9",
       "m.toml:35: [optimizer]: 'beta1' is no setting of sgd",
       {"adam, adamw"}},
      {"batch = 8",
       "[optimizer]\ntrust_coefficient = 0.1",
       "m.toml:35: [optimizer]: 'trust_coefficient' is no setting of sgd",
       {"lars"}},
      {"batch = 8", "[optimizer]\nclip_norm = 0", "m.toml:35: [optimizer]: 'clip_norm' is 0", {}},
      {"batch = 8",
       "clip_norm = 1",
       "m.toml:34: [train]: unknown key 'clip_norm'",
       {"'optimizer.clip_norm'?"}},
      {"batch = 8",
       "[optimizer]\ntype = \"muon\"\nns_steps = 100",
       "m.toml:36: [optimizer]: 'ns_steps' is 100",
       {"0 to 99"}},
      {"batch = 8",
       "[optimizer]\ntype = \"muon\"\nns_steps = 2.5",
       "m.toml:36: [optimizer]: 'ns_steps' must be a whole number",
       {}},
      {"batch = 8",
       "[optimizer]\ntype = \"adamv\"",
       "m.toml:35: [optimizer]: unknown type 'adamv'",
       {"did you mean 'adam"}},
      {"batch = 8",
       "[optimizer]\ntype = \"rmsprop\"\nalpha = 1",
       "m.toml:36: [optimizer]: 'alpha' is 1",
       {"less than 1"}},
      {"batch = 8",
       "[optimizer]\ntype = \"adam\"\nepsilon = 0",
       "m.toml:36: [optimizer]: 'epsilon' is 0",
       {}},
      {"batch = 8",
       "[optimizer]\ngroup = 1",
       "m.toml:35: [optimizer]: 'group' must be an array",
       {"[[optimizer.group]]"}},
      {"batch = 8",
       "[[optimizer.group]]\nfrozen = true",
       "m.toml:34: [[optimizer.group]]: missing key 'match'",
       {"*.bias"}},
      {"batch = 8",
       "[[optimizer.group]]\nmatch = \"*.bais\"",
       "m.toml:34: [[optimizer.group]]: no tensor is left for the pattern '*.bais'",
       {"second.bias"}},
      {"batch = 8",
       "[[optimizer.group]]\nmatch = \"*\"\n[[optimizer.group]]\nmatch = \"*.bias\"",
       "m.toml:36: [[optimizer.group]]: no tensor is left for the pattern '*.bias'",
       {"no group before it has taken"}},
      {"batch = 8",
       "[[optimizer.group]]\nmatch = \"*.bias\"\nfrozen = true\n"
       "[[optimizer.group]]\nmatch = \"*\"\nfrozen = true",
       "m.toml:37: [[optimizer.group]]: every tensor of the model is frozen",
       {"at least one tensor"}},
      {"batch = 8",
       "[average]\ndecay = 0.9",
       "m.toml:34: [average]: missing key 'type'",
       {"type = \"ema\""}},
      {"batch = 8",
       "[average]\ntype = \"emma\"",
       "m.toml:35: [average]: unknown type 'emma'",
       {"did you mean 'ema'"}},
      {"batch = 8",
       "[average]\ntype = \"ema\"\ndecay = 1",
       "m.toml:36: [average]: 'decay' is 1",
       {"less than 1"}},
      {"batch = 8",
       "[average]\ntype = \"lookahead\"\nsteps = 0",
       "m.toml:36: [average]: 'steps' is 0",
       {}},
      {"batch = 8",
       "[average]\ntype = \"lookahead\"\nfactor = 0",
       "m.toml:36: [average]: 'factor' is 0",
       {}},
      {"batch = 8",
       "[average]\ntype = \"lookahead\"\ndecay = 0.5",
       "m.toml:36: [average]: 'decay' is no setting of lookahead",
       {"it belongs to ema"}},
      {"batch = 8",
       "[average]\ntype = \"ema\"\nevaluate = \"both\"",
       "m.toml:36: [average]: unknown evaluate 'both'",
       {"trained"}},
      {"batch = 8",
       "[average]\ntype = \"ema\"\ndecai = 0.5",
       "m.toml:36: [average]: unknown key 'decai'",
       {"'decay'?"}},
      {"batch = 8", "order = \"shards:0\"", "m.toml:34: [train]: 'order' is 'shards:0'", {}},
      {"batch = 8", "order = \"shards:4x\"", "m.toml:34: [train]: 'order' is 'shards:4x'", {}},
      {"batch = 8", "order = \"suffled\"", "m.toml:34: [train]: unknown order", {"'shuffled'?"}},
      {"batch = 8",
       "[optimizer]\nlearning_rate = nan",
       "m.toml:35: [optimizer]: 'learning_rate' is nan",
       {}},
      {"batch = 8", "schedule = \"cosin\"", "m.toml:34: [train]: unknown schedule", {"'cosine'?"}},
      {"batch = 8", "step_epochs = 0", "m.toml:34: [train]: 'step_epochs' is 0", {"above 0"}},
      {"batch = 8",
       "schedule = \"step\"\nstep_epochs = 1e-9",
       "m.toml:35: [train]: 'step_epochs' is 1e-09",
       {"more than a million times"}},
      {"batch = 8",
       "schedule = \"multi_step\"",
       "m.toml:34: [train]: the schedule 'multi_step' needs milestones",
       {"milestones = [10, 15]"}},
      {"batch = 8",
       "milestones = [3, 3]",
       "m.toml:34: [train]: the milestone 3 follows 3",
       {"ascending"}},
      {"batch = 8", "milestones = 3", "m.toml:34: [train]: 'milestones' is", {"milestones = [10"}},
      {"batch = 8",
       "schedule = \"one_cycle\"\nwarmup_epochs = 2",
       "m.toml:35: [train]: 'warmup_epochs' is 2",
       {"pct_start"}},
      {"batch = 8", "pct_start = 1.5", "m.toml:34: [train]: 'pct_start' is 1.5", {"at most 1"}},
      {"[train]", "[[train]]", "m.toml:33: [train]: must be a table, not an array", {}},
  };
  for (const Mistake& mistake : mistakes) {
    const std::string text = replaced(mistake.from, mistake.to);
    const Failure failure = failure_of([&] { parse_model_file(text, "m.toml"); });
    EXPECT_EQ(failure.fault, Fault::bad_data) << mistake.to;
    EXPECT_THAT(failure.message, StartsWith(mistake.beginning)) << mistake.to;
    for (const std::string& said : mistake.said) EXPECT_THAT(failure.message, HasSubstr(said));
    EXPECT_EQ(failure.message.find('\n'), std::string::npos);
  }
}

// It is a part of the identity, so the normalised text states it where the file does not.
// They are in the text only where the file has them, so texts of other models stay as they are.
TEST(ModelFile, KeysAboutFilesOfImagesAreOptional) {
  const ModelFile usual = parse_model_file(kModel, "m.toml");
  EXPECT_FALSE(usual.files.transpose || usual.files.first_label || usual.files.resize);
  for (const char* key : {"transpose", "first_label", "resize"})
    EXPECT_EQ(usual.text.find(key), std::string::npos);
  const ModelFile set = parse_model_file(
      replaced("channels = 2",
               "channels = 2\ntranspose = false\nfirst_label = 1\nresize = \"fit\""),
      "m.toml");
  EXPECT_EQ(set.files.transpose, std::optional(false));
  EXPECT_EQ(set.files.first_label, std::optional<Index>(1));
  EXPECT_EQ(set.files.resize, std::optional(Resize::fit));
  EXPECT_THAT(set.text, HasSubstr("transpose = false\nfirst_label = 1\nresize = \"fit\"\n"));
  const ModelFile again = parse_model_file(set.text, "the text");
  EXPECT_EQ(again.text, set.text);
  EXPECT_EQ(again.files.resize, std::optional(Resize::fit));
  const std::vector<Override> overrides{"input.first_label=2", "input.transpose=true"};
  const ModelFile overridden = parse_model_file(kModel, "m.toml", overrides);
  EXPECT_EQ(overridden.files.first_label, std::optional<Index>(2));
  EXPECT_EQ(overridden.files.transpose, std::optional(true));
}

TEST(ModelFile, TheTextStatesTheArithmetic) {
  const ModelFile model = parse_model_file(kModel, "m.toml");
  EXPECT_EQ(model.arithmetic, Arithmetic::fp32);
  EXPECT_THAT(model.text, HasSubstr("\narithmetic = \"fp32\"\n\n[input]\n"));
  const ModelFile given =
      parse_model_file(replaced("name = \"x\"", "arithmetic = \"fp32\"\nname = \"x\""), "m.toml");
  EXPECT_EQ(given.text, model.text);
  const Failure failure = failure_of([] {
    const std::vector<Override> overrides{"arithmetic=fp16"};
    parse_model_file(kModel, "m.toml", overrides);
  });
  EXPECT_EQ(failure.fault, Fault::usage);
  EXPECT_THAT(failure.message, HasSubstr("unknown arithmetic 'fp16'"));
}

TEST(ModelFile, CommentsMayHoldAnything) {
  const std::string text = replaced("height = 12", "height = 12  # H\xC3\xB6he \xE2\x80\xA8 \xFF");
  EXPECT_EQ(parse_model_file("\xEF\xBB\xBF" + text, "m.toml").text,
            parse_model_file(kModel, "m.toml").text);
}

TEST(ModelFile, LayersMustBeAnArrayOfTables) {
  EXPECT_THAT(failure_of([] {
                parse_model_file("name=\"x\"\ninput={height=1,width=1,channels=1}\nlayer=3\n",
                                 "m.toml");
              }).message,
              HasSubstr("m.toml:3: 'layer' must be an array of tables"));
  EXPECT_THAT(failure_of([] {
                parse_model_file("name=\"x\"\ninput={height=1,width=1,channels=1}\nlayer=[3]\n",
                                 "m.toml");
              }).message,
              HasSubstr("m.toml:3: layer '0': must be a table, not the number 3"));
}

// A folder of its own, removed at the end.
class ModelLookup : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "convoy-models-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    unsetenv("CONVOY_MODELS");
    std::filesystem::remove_all(folder_);
  }
  std::filesystem::path folder_;
};

TEST_F(ModelLookup, FindsByNameInTheChosenFolderFirst) {
  setenv("CONVOY_MODELS", folder_.c_str(), 1);
  std::ofstream(folder_ / "mine.toml") << kModel;
  std::ofstream(folder_ / "lenet5.toml") << kModel;
  std::ofstream(folder_ / "notes.txt") << "not a model";
  EXPECT_EQ(load_model_file("mine").net.name(), "x");
  EXPECT_EQ(load_model_file("lenet5").net.name(), "x");
  std::set<std::string> names;
  for (const ModelEntry& entry : known_models()) EXPECT_TRUE(names.insert(entry.name).second);
  EXPECT_TRUE(names.contains("mine"));
  EXPECT_FALSE(names.contains("notes"));

  const Failure unknown = failure_of([] { load_model_file("mind"); });
  EXPECT_EQ(unknown.fault, Fault::not_found);
  EXPECT_THAT(unknown.message, HasSubstr(folder_.string()));
  EXPECT_THAT(unknown.message, HasSubstr("lenet5, mine"));
  EXPECT_THAT(unknown.message, HasSubstr("did you mean 'mine'?"));
}

TEST_F(ModelLookup, PathsThatHoldNoModel) {
  const auto at = [&](const char* name) { return (folder_ / name).string(); };
  EXPECT_EQ(failure_of([&] { load_model_file(at("absent.toml")); }).fault, Fault::not_found);
  std::filesystem::create_directory(at("folder.toml"));
  EXPECT_EQ(failure_of([&] { load_model_file(at("folder.toml")); }).fault, Fault::bad_data);
  std::ofstream(at("empty.toml"));
  EXPECT_THAT(failure_of([&] { load_model_file(at("empty.toml")); }).message,
              HasSubstr("empty.toml: missing key 'name'"));
  std::ofstream(at("large.toml")) << std::string(2'000'000, '#');
  EXPECT_THAT(failure_of([&] { load_model_file(at("large.toml")); }).message,
              HasSubstr("too large"));
}

}  // namespace
}  // namespace convoy
