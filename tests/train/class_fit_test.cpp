// SPDX-License-Identifier: Apache-2.0
// The classes of data are found among those of a model by their names.
#include "train/class_fit.hpp"

#include <gtest/gtest.h>

#include "tests/train/support.hpp"

namespace convoy::train_tests {
namespace {

using Names = std::vector<std::string>;

Dataset data_of(const Names& names, std::vector<Label> labels) {
  std::vector<std::uint8_t> pixels(labels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i + 1);
  Dataset data({1, 1, 1}, std::move(pixels), std::move(labels), 3);
  data.set_class_names(names);
  return data;
}

std::vector<Label> labels_in(const Names& model, const Dataset& data) {
  const Dataset found = in_classes_of(model, data, "birds");
  EXPECT_EQ(found.size(), data.size());
  for (Index i = 0; i < found.size(); ++i) EXPECT_EQ(found.image(i)[0], data.image(i)[0]);
  return {found.labels().begin(), found.labels().end()};
}

TEST(ClassFit, NamesDecide) {
  const Dataset data = data_of({"jay", "owl", "wren"}, {0, 1, 2, 2, 0});
  const std::vector<Label> same{0, 1, 2, 2, 0};
  EXPECT_EQ(labels_in({"jay", "owl", "wren"}, data), same);
  EXPECT_EQ(labels_in({"jay", "owl", "wren", "zebra"}, data), same);
  EXPECT_EQ(labels_in({"wren", "jay", "owl"}, data), (std::vector<Label>{1, 2, 0, 0, 1}));
  const Names more{"auk", "jay", "kiwi", "owl", "wren"};
  EXPECT_EQ(labels_in(more, data), (std::vector<Label>{1, 3, 4, 4, 1}));
  EXPECT_EQ(in_classes_of(more, data, "birds").class_names(), more);
  EXPECT_EQ(labels_in(more, data.first(2)), (std::vector<Label>{1, 3}));
  EXPECT_EQ(labels_in({"0", "1", "2", "3"}, data_of({"1", "2", "3"}, {0, 1, 2})),
            (std::vector<Label>{1, 2, 3}));
}

TEST(ClassFit, WithoutNamesLabelsStay) {
  const std::vector<Label> labels{0, 1, 2};
  EXPECT_EQ(labels_in({}, data_of({"jay", "owl", "wren"}, labels)), labels);
  EXPECT_EQ(labels_in({"cat", "dog", "owl"}, data_of({}, labels)), labels);
  EXPECT_EQ(labels_in({"cat", "dog", "owl"}, data_of({"0", "1", "2"}, labels)), labels);
  EXPECT_EQ(labels_in({"0", "1", "2"}, data_of({"jay", "owl", "wren"}, labels)), labels);
  EXPECT_TRUE(in_classes_of({"cat"}, {}, "nothing").empty());
}

TEST(ClassFit, OtherClassesAreRefused) {
  const Dataset data = data_of({"jay", "owl", "wren"}, {0, 1, 2});
  const auto refused = [&](const Names& model) {
    return user_error(Fault::bad_data, [&] { in_classes_of(model, data, "birds"); });
  };
  const std::string message = refused({"cat", "dog", "owl"});
  EXPECT_NE(message.find("the images of birds do not fit the trained model (the classes differ: "
                         "only the model has cat, dog, only the data has jay, wren)"),
            std::string::npos)
      << message;
  EXPECT_NE(refused({"jay", "owl"}).find("the classes differ: only the data has wren"),
            std::string::npos);
  refused({"wren", "owl", "owl", "jay"});  // which of the two is not known
}

}  // namespace
}  // namespace convoy::train_tests
