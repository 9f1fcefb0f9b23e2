// SPDX-License-Identifier: Apache-2.0
// Input that the public API refuses, and the facts that models report.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "convoy/convoy.hpp"
#include "tests/api/support.hpp"

namespace api_tests {
namespace {

TEST(Api, ErrorsSayWhatIsWrongAndHaveTheirFault) {
  using convoy::Fault;
  expect_thrown(Fault::not_found, "lenet5", [] { convoy::load_model("lenet6"); });
  expect_thrown(Fault::bad_data, "line", [] { convoy::parse_model("name = ", "text"); });
  expect_thrown(Fault::usage, "did you mean 'optimizer.momentum'",
                [] { small_model({"train.momentun=1"}); });
  expect_thrown(Fault::not_found, "mnist", [] { convoy::load_data("mnisd"); });
  expect_thrown(Fault::not_found, "absent", [] { convoy::Predictor("absent"); });
  expect_thrown(Fault::not_found, "absent", [] { convoy::model_of_run("absent"); });
  expect_thrown(Fault::usage, "checkpoint", [] { convoy::parse_checkpoint_every("often"); });

  const ScratchFolder folder;
  const std::string run = folder / "run";
  convoy::train(small_model(), few_clothes(), {.folder = run});
  const auto train = [&](const convoy::TrainOptions& options) {
    return [=] { convoy::train(small_model(), few_clothes(), options); };
  };
  using convoy::Resume;
  expect_thrown(Fault::usage, run, train({.folder = run}));
  expect_thrown(Fault::usage, "limit",
                train({.folder = run, .resume = Resume::if_present, .limit = 10}));
  expect_thrown(Fault::usage, "--validation",
                train({.folder = run, .resume = Resume::always, .validation = 0.5}));
  expect_thrown(Fault::not_found, "none",
                train({.folder = folder / "none", .resume = Resume::always}));
  expect_thrown(Fault::usage, "folder", train({.resume = Resume::always}));
  expect_thrown(Fault::usage, "validation", train({.validation = 1}));
  expect_thrown(Fault::usage, "validation", train({.validation = -0.1}));
  convoy::TrainAndTest pictures = few_clothes();
  pictures.states_validation = true;
  expect_thrown(Fault::usage, "DataOptions::validation",
                [&] { convoy::train(small_model(), pictures, {.validation = 0.1}); });
  expect_thrown(Fault::usage, "limit", train({.limit = -1}));
  expect_thrown(Fault::usage, "threads", train({.compute = {.threads = -1}}));
  expect_thrown(Fault::usage, "verify_every", train({.verify_every = -1}));
  expect_thrown(Fault::usage, "checkpoint_every", train({.checkpoint_every = {.count = 0}}));
  expect_thrown(Fault::usage, "sse1", train({.compute = {.isa = "sse1"}}));
  expect_thrown(Fault::usage, "another", [&] {
    convoy::train(small_model({"train.seed=2"}), few_clothes(),
                  {.folder = run, .resume = Resume::always});
  });
}

TEST(Api, AnErrorTellsItsProblemApartFromItsRemedy) {
  const convoy::UserError wrong(convoy::Fault::usage, "batch is 0", "no: sample",
                                "give 1: or more");
  EXPECT_STREQ(wrong.what(), "batch is 0 (no: sample): give 1: or more");
  EXPECT_EQ(wrong.problem(), "batch is 0 (no: sample)");
  EXPECT_EQ(wrong.remedy(), "give 1: or more");

  const convoy::SystemError full(convoy::Fault::io, "write", "a: b", ENOSPC);
  EXPECT_EQ(full.problem(), "write failed on a: b (No space left on device)");
  EXPECT_EQ(full.remedy(), "free disk space");
  EXPECT_EQ(full.what(), std::string(full.problem()) + ": free disk space");

  const convoy::SystemError no_remedy(convoy::Fault::io, "write", "a: b", "cut off");
  EXPECT_STREQ(no_remedy.what(), "write failed on a: b (cut off)");
  EXPECT_EQ(no_remedy.problem(), no_remedy.what());
  EXPECT_EQ(no_remedy.remedy(), "");

  const convoy::SharedError shared(wrong);
  EXPECT_STREQ(shared.what(), wrong.what());
  EXPECT_EQ(shared.remedy(), wrong.remedy());
  const convoy::SharedError copy = shared;
  EXPECT_EQ(copy.problem(), wrong.problem());
}

TEST(Api, ModelsTellWhatTheyAre) {
  const convoy::Model model = small_model({"train.batch=8"});
  EXPECT_EQ(model.name(), "tiny-relu");
  EXPECT_EQ(model.input_shape(), (convoy::Shape{28, 28, 1}));
  EXPECT_EQ(model.outputs(), 10);
  EXPECT_GT(model.flops_per_sample(), model.parameter_count());
  EXPECT_EQ(model.settings().batch, 8);
  const convoy::Model other = model.with({"train.batch=16", "train.schedule=cosine"});
  EXPECT_EQ(other.settings().schedule, convoy::ScheduleKind::cosine);
  EXPECT_EQ(model.settings().batch, 8);
  EXPECT_EQ(convoy::parse_model(other.text()).settings(), other.settings());
}

}  // namespace
}  // namespace api_tests
