// SPDX-License-Identifier: Apache-2.0
// convoy info: what it says about the layers of a model.
#include <gmock/gmock.h>

#include "commands/missing_code.hpp"
#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

using testing::HasSubstr, testing::Not;

constexpr const char* kModel = R"(
name = "all"
input = { height = 16, width = 16, channels = 1 }
[[layer]]
type = "conv2d"
filters = 6
kernel = [5, 3]
stride = [1, 2]
padding = 2
[[layer]]
type = "average_pool2d"
size = 2
stride = 1
[[layer]]
type = "subsample"
kernel = 2
shared = false
[[layer]]
type = "dense"
units = 10
bias = false
[loss]
type = "softmax_cross_entropy"
[train]
batch = 4
)";

TEST(Info, TellsGivenAndUnusualSettings) {
  const ScratchFolder folder;
  write_file(folder / "all.toml", kModel);
  const Ended ended = run({"info", "all.toml"}, folder);
  ASSERT_EQ(ended.code, 0) << ended.err;
  for (const char* const details : {" 6 filters 5x3, stride 1x2, padding 2 ", " 2x2, stride 1 ",
                                    " 2x2, shared false ", " 10 units, bias false "}) {
    EXPECT_THAT(ended.out, HasSubstr(details));
  }
  EXPECT_THAT(ended.out, Not(HasSubstr("Without")));  // every layer has all code
}

TEST(Info, NamesLayersWithoutCode) {
  const ModelFile model = parse_model_file(kModel, "all.toml");
  const auto has_all = [](const Op&) { return true; };
  const auto lacks_dense = [](const Op& op) { return !std::holds_alternative<Dense>(op); };
  const auto lacks_pools = [](const Op& op) {
    return !std::holds_alternative<Pool2d>(op) && !std::holds_alternative<Subsample>(op);
  };
  EXPECT_EQ(app::missing_code(model.net, has_all, has_all), "");
  EXPECT_EQ(app::missing_code(model.net, lacks_dense, has_all),
            "Without vector code, so slow: dense1 (dense)\n");
  EXPECT_EQ(app::missing_code(model.net, has_all, lacks_pools),
            "Without code for a GPU, so for --device cpu alone: pool1 (average_pool2d), "
            "subsample1 (subsample)\n");
}

TEST(Info, SaysWhatIsNoModel) {
  const ScratchFolder folder;
  write_file(folder / "list.csv", "x");
  EXPECT_TRUE(is_message(run({"info", "emnist"}, folder), "it is the folder of emnist-byclass, "));
  EXPECT_TRUE(is_message(run({"fetch", "emnist"}, folder), "it is the folder of emnist-byclass, "));
  EXPECT_TRUE(is_message(run({"info", "."}, folder), "convoy info --data ."));
  EXPECT_TRUE(is_message(run({"info", "list.csv"}, folder), "convoy info --data list.csv"));
  EXPECT_TRUE(is_message(run({"info", "lenet"}, folder), "did you mean 'lenet5'?"));
  EXPECT_TRUE(is_message(run({"info", "unheard-of"}, folder), "neither a model nor a data set"));
}

}  // namespace
}  // namespace convoy::test
